import type { Frame } from './fold-profile.ts'

/** What a frame's time is for. A function's time goes to the first of its callers, itself included, that a line names. */
const PURPOSES: readonly (readonly [name: string, pattern: RegExp])[] = [
  ['garbage collection', /^\(garbage collector\)/],
  [
    'ledger: statements, commit, the wait for the disk',
    / gateway\/(?:ledger|db|node\/open-sqlite)/,
  ],
  ['receipt’s signature', / gateway\/node\/verifier| sodium-native\//],
  ['sockets: writing', /^writev|stream_base_commons|node:net:| node:internal\/streams\/writable/],
  ['client’s HTTP (node:http)', / node:_http/],
  ['runner’s HTTP (undici)', / undici\//],
  [
    'receipt: parse, canonical form, comparison',
    / protocol\/(?:receipt|parse|hash|keyset|transcript)| base\/jcs/,
  ],
  [
    'allowance and head',
    / protocol\/(?:allowance|head)| gateway\/inference\/(?:make-allowance|account-ref)/,
  ],
  ['sealing and opening', / protocol\/| node:internal\/crypto/],
  [
    'receipts that come again by the outbox',
    / gateway\/(?:routes|receipts|http\/json-body)| @?hono/,
  ],
  [
    'keys, limits, choice of a runner, headers',
    / gateway\/(?:inference|accounts|http|limits|relay|runners|node)/,
  ],
  ['metrics', / prom-client/],
  ['chain and jobs', / gateway\/|drizzle-orm/],
  ['Node: events, timers, promises, streams', / node:|^runMicrotasks|^\(program\)/],
]

export interface Cost {
  readonly name: string
  readonly us: number
}

/** Where the time of a tree went, the largest first. */
export function costsOf(root: Frame): readonly Cost[] {
  const sums = new Map<string, number>()
  const add = (frame: Frame, inherited: string): void => {
    const purpose = PURPOSES.find(([, pattern]) => pattern.test(frame.name))?.[0] ?? inherited
    sums.set(purpose, (sums.get(purpose) ?? 0) + frame.self)
    for (const child of frame.children.values()) add(child, purpose)
  }
  add(root, 'other')
  return [...sums].map(([name, us]) => ({ name, us })).sort((a, b) => b.us - a.us)
}
