/** What placeholders stand for: in a step the name of another one, in a world its value. */
export type Names = Readonly<Record<string, string>>

/** Hosts that the documents write, and what answers in their place here. */
export interface Places {
  readonly gateway: string
  /** An engine-less ACI service: the first runner. */
  readonly runner: string
  readonly chain: string
}

/** A whole word in capitals, or the same in pointed brackets. */
const PLACEHOLDER = /(?<![\w-])(?:<id>|[A-Z][A-Z_]+|sk-coc-…)(?![\w-]|=)/g

/** The line as a shell gets it here: our own command, addresses that answer, placeholders filled. */
export function fill(line: string, names: Names, places: Places): string {
  return line
    .replace(/^(?:npx )?cocoon /, 'cocoon ')
    .replaceAll('https://gateway.example', places.gateway)
    .replaceAll('http://127.0.0.1:8787', places.gateway)
    .replaceAll('http://127.0.0.1:8790', places.runner)
    .replaceAll('--endpoint mainnet', `--endpoint ${places.chain}`)
    .replaceAll('https://toncenter.com/api/v2/jsonRPC', places.chain)
    .replaceAll('https://another.example/jsonRPC', places.chain.replace('127.0.0.1', 'localhost'))
    .replaceAll('/var/lib/cocoon/cocoon-gateway.db', '.cocoon/world/gateway.db')
    .replaceAll('/backup/', './')
    .replaceAll(PLACEHOLDER, (name) => names[name] ?? name)
}
