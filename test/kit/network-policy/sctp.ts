/** The first packet of an association of SCTP: RFC 9260, sections 3.1 (header) and 3.3.2 (INIT). */

const HEADER_BYTES = 12;
const INIT_BYTES = 20;
const INIT = 1;
const WINDOW = 65_536;
/** Reflected polynomial of CRC-32C: RFC 9260, appendix A. */
const POLYNOMIAL = 0x82f63b78;

/** From port `from` to port `to`. */
export function initPacket(to: number, from: number): Buffer {
  const packet = Buffer.alloc(HEADER_BYTES + INIT_BYTES);
  packet.writeUInt16BE(from, 0);
  packet.writeUInt16BE(to, 2);
  packet.writeUInt8(INIT, 12);
  packet.writeUInt16BE(INIT_BYTES, 14);
  packet.writeUInt32BE(from, 16);
  packet.writeUInt32BE(WINDOW, 20);
  // One stream each way.
  packet.writeUInt16BE(1, 24);
  packet.writeUInt16BE(1, 26);
  packet.writeUInt32BE(1, 28);
  packet.writeUInt32LE(crc32c(packet), 8);
  return packet;
}

function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? POLYNOMIAL : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
