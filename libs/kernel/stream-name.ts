/**
 * The name of a stream: its kind and the parts of its identity, each encoded, joined by `:`. Encoding keeps
 * `('memory', 'a:b', 'c')` and `('memory', 'a', 'b:c')` apart, so nobody spells a way into a neighbour's stream.
 */
export function streamName(kind: string, ...parts: string[]): string {
  return [kind, ...parts.map(encode)].join(':');
}

// Only the separator and the escape sign need encoding: names stay readable for an auditor.
const encode = (part: string): string => part.replace(/[%:]/g, (sign) => (sign === ':' ? '%3A' : '%25'));

/** What a stream's name says: its kind, and the parts of its identity as they were given. */
export function streamParts(stream: string): [kind: string, ...parts: string[]] {
  const [kind, ...parts] = stream.split(':');
  return [kind!, ...parts.map((part) => part.replace(/%3A|%25/g, (code) => (code === '%3A' ? ':' : '%')))];
}
