/**
 * Finds functions in formatted TypeScript by their indentation: the formatter puts the line that
 * closes a block at the column of the line that opens it. Knows no grammar, and needs none.
 */

export interface FoundFunction {
  readonly name: string;
  /** Line number, from 1. */
  readonly line: number;
  readonly lines: number;
}

const WORDS = String.raw`(?:(?:export|default|static|override|async|private|readonly) )*`;
const DECLARATION = new RegExp(String.raw`^( *)${WORDS}function\*? *([\w$]+)`);
const ARROW = new RegExp(
  String.raw`^( *)${WORDS}(?:const )?([#\w$]+)(?:: [^=]+)?(?: =|:) (?:async )?(?:<.*>)?(?:\(|[\w$]+ =>)`,
);
const METHOD = new RegExp(String.raw`^( +)${WORDS}(?:get |set |\*)?([#\w$]+)(?:<.*>)?\(`);
/** The functions and methods of a file that are longer than one line. */
export function functionsOf(text: string): FoundFunction[] {
  const lines = text.split('\n');
  return lines.flatMap((line, at) => {
    const match = DECLARATION.exec(line) ?? ARROW.exec(line) ?? METHOD.exec(line);
    if (match === null) return [];
    const [, indent = '', name = ''] = match;
    const end = endOf(lines, at, indent);
    return end === undefined ? [] : [{ name, line: at + 1, lines: end - at + 1 }];
  });
}

/** The line that ends the body of what starts at `start`; undefined when it has no body. */
function endOf(lines: readonly string[], start: number, indent: string): number | undefined {
  let open = isBody(lines[start] ?? '');
  if (!open && !/[([{<,=>|&]$/.test(lines[start] ?? '')) return undefined;
  for (let at = start + 1; at < lines.length; at++) {
    const line = lines[at] ?? '';
    if (line === '' || !line.startsWith(indent) || line[indent.length] === ' ') continue;
    if (open) return /^[})]/.test(line.slice(indent.length)) ? at : undefined;
    // A parameter list over several lines closes before the body opens: `): Type {`.
    if (isBody(line)) open = true;
    else if (!/^[)}>]/.test(line.slice(indent.length))) return undefined;
    else if (line.endsWith(';')) return undefined;
  }
  return undefined;
}

/** Whether a line opens a function's body. */
function isBody(line: string): boolean {
  return /(\)|\)?: [^=]+|=>) \{$/.test(line) && !/^\s*(type|interface)\b/.test(line);
}
