/**
 * A line of a container's log as CRI runtimes write it: `<time> <stream> <tags> <text>`.
 *
 * Source: kubernetes/design-proposals "CRI: container stdout/stderr streams"; upstream:
 * staging/src/k8s.io/cri-client/pkg/logs/logs.go, v1.36.
 */
export interface LogLine {
  /** RFC 3339 with nanoseconds, as written. */
  readonly time: string;
  readonly stream: 'stdout' | 'stderr';
  /** The text goes on in the next line. */
  readonly partial: boolean;
  readonly text: string;
}

/** Without the line's end. Undefined when it is no such line. */
export function parseLogLine(line: string): LogLine | undefined {
  const first = line.indexOf(' ');
  const second = line.indexOf(' ', first + 1);
  const third = line.indexOf(' ', second + 1);
  if (first < 0 || second < 0 || third < 0) return undefined;
  const stream = line.slice(first + 1, second);
  if (stream !== 'stdout' && stream !== 'stderr') return undefined;
  const [tag] = line.slice(second + 1, third).split(':');
  return { time: line.slice(0, first), stream, partial: tag === 'P', text: line.slice(third + 1) };
}
