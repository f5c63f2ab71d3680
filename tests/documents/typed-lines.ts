import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '..', '..')

/** Every document that tells people to type something. */
export const DOCUMENTS: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  'bench/README.md',
  'examples/README.md',
  'enclave-runner/image/README.md',
  'models/README.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

export function readDocument(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}

const FENCE = /^ *```.*\n([\s\S]*?)^ *```/gm

/** What a page tells people to type: lines of fenced blocks, continued ones joined, and inline code. */
export function typedLines(page: string): readonly string[] {
  const blocks = [...page.matchAll(FENCE)].flatMap(([, block = '']) =>
    block.replaceAll(/\\\n\s*/g, ' ').split('\n'),
  )
  const inline = [...page.replaceAll(FENCE, '').matchAll(/`([^`\n]+)`/g)].map(([, code]) => code)
  return [...blocks, ...inline].filter((line) => line !== undefined).map((line) => line.trim())
}

/** First words of what a shell is given; a bare `cocoon dev` in a sentence is a name, with an argument it is a command. */
const COMMAND =
  /^(?:npx |npm |node |curl |sqlite3 |sudo |export [A-Z]|cd [\w/]+ &&|[a-z-]+\/[\w/.-]+\.sh |cocoon [a-z]+ [\w-])/

/** Those of the lines that are whole commands, without the comments behind them, each once. */
export function commandsIn(page: string): readonly string[] {
  const lines = typedLines(page).map((line) => line.replace(/\s+#.*$/, '').replaceAll(/ +/g, ' '))
  return [...new Set(lines.filter((line) => COMMAND.test(line)))]
}
