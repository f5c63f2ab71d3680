import { demand, parsing } from './errors.ts'

/** A string, or a mark that opens, closes or separates; numbers and literals are passed over. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]]/g

const MAX_DEPTH = 32

/**
 * Parses JSON that somebody signed: like `JSON.parse`, but a key that appears twice in one object is refused,
 * since two readers could then disagree about what was signed. @see RFC 8259 section 4, RFC 7493 section 2.3
 * @throws AttestationError parse
 */
export function parseStrictJson(text: string, what: string): unknown {
  const value: unknown = parsing(what, () => JSON.parse(text))
  checkKeys(text, what)
  return value
}

/** Walks the tokens of well-formed JSON: a string before a colon is a key of the innermost object. */
function checkKeys(text: string, what: string): void {
  const open: Set<string>[] = []
  for (const match of text.matchAll(TOKEN)) {
    const [token] = match
    if (token === '{' || token === '[') {
      open.push(new Set())
      demand(open.length <= MAX_DEPTH, 'parse', `${what} nests too deep`)
    } else if (token === '}' || token === ']') open.pop()
    else if (isKey(text, match.index + token.length)) {
      const keys = open[open.length - 1]
      const key = token.includes('\\') ? String(JSON.parse(token)) : token.slice(1, -1)
      demand(keys !== undefined && !keys.has(key), 'parse', `${what} repeats a key`)
      keys.add(key)
    }
  }
}

const COLON = /\s*:/y

function isKey(text: string, end: number): boolean {
  if (text[end] === ':') return true
  COLON.lastIndex = end
  return COLON.test(text)
}
