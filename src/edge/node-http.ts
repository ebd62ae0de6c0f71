/**
 * node:http, without what an `import` of it costs: that evaluates every export, and one of them
 * loads a second HTTP client and a WebSocket client (25 ms at each start of a process).
 */
const http = process.getBuiltinModule('node:http');

export const { Agent, createServer, request, ServerResponse, STATUS_CODES } = http;
