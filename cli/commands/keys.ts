import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { newAccountOwner, ownerToJson, signAccountRequest } from '#client'
import { type AccountMode, formatMemo } from '#contracts/pure'
import { readOwner } from '../account-file.ts'
import { type Command, type CommandIo, EXIT, UsageError } from '../command.ts'

const USAGE = `cocoon keys: the keys of an account, made and kept on this machine.

  cocoon keys new --out FILE [--mode sovereign|managed]   make an account; nothing is sent anywhere
  cocoon keys show FILE                                    print its id, which is also its deposit memo
  cocoon keys register FILE --gateway URL                  get an API key for it (shown once)

The file holds the recovery key: whoever has it can withdraw the money. Modes:
  sovereign   only cheques that you sign can charge (cocoon connect, the SDK, the page)
  managed     plain API keys; the gateway's meter key may charge, at most the Till's daily cap`

export const keys: Command = {
  summary: 'make and register account keys',
  usage: USAGE,
  run: async (io) => {
    const [verb, ...rest] = io.args
    const action = verb !== undefined && Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined
    if (action === undefined) throw new UsageError("say 'new', 'show' or 'register'; see --help")
    return action({ ...io, args: rest })
  },
}

const VERBS: Readonly<Record<string, (io: CommandIo) => Promise<number>>> = {
  new: makeKeys,
  show: showKeys,
  register: registerKeys,
}

async function makeKeys(io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: [...io.args],
    options: { out: { type: 'string' }, mode: { type: 'string', default: 'sovereign' } },
  })
  if (values.out === undefined) throw new UsageError('--out FILE is missing')
  const owner = await newAccountOwner({ mode: parseMode(values.mode), random: randomBytes })
  const path = resolve(io.cwd, values.out)
  await mkdir(dirname(path), { recursive: true })
  // wx: never overwrite a file that may hold the only copy of a recovery key.
  await writeFile(path, `${JSON.stringify(ownerToJson(owner), null, 2)}\n`, {
    mode: 0o600,
    flag: 'wx',
  })
  await chmod(path, 0o600)
  io.out(
    `account  ${owner.id}\nmemo     ${formatMemo(owner.id)}\nkeys     ${path} (keep a copy: it is the recovery key)`,
  )
  return EXIT.ok
}

async function showKeys(io: CommandIo): Promise<number> {
  const owner = await readOwner(io, io.args[0])
  io.out(`account  ${owner.id}\nmemo     ${formatMemo(owner.id)}\nmode     ${owner.mode}`)
  return EXIT.ok
}

async function registerKeys(io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...io.args],
    options: { gateway: { type: 'string' } },
    allowPositionals: true,
  })
  if (values.gateway === undefined) throw new UsageError('--gateway URL is missing')
  const owner = await readOwner(io, positionals[0])
  const base = new URL(values.gateway)
  const request = await signAccountRequest(owner, {
    gateway: base.origin,
    random: randomBytes,
    nowSeconds: Math.floor(Date.now() / 1000),
  })
  const response = await fetch(new URL('/v1/accounts', base), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
  })
  const answer: unknown = await response.json()
  if (!response.ok) {
    io.err(`the gateway answered ${response.status}: ${errorMessage(answer)}`)
    return EXIT.failed
  }
  // Sound: a 2xx of this route has this shape (openapi.yaml); a missing key prints as undefined, not as a secret.
  io.out(`API key (shown once): ${(answer as { key?: string }).key}`)
  return EXIT.ok
}

function parseMode(text: string): AccountMode {
  if (text !== 'sovereign' && text !== 'managed')
    throw new UsageError('--mode is sovereign or managed')
  return text
}

function errorMessage(answer: unknown): string {
  // Sound: every member is optional and checked by `??`.
  return (answer as { error?: { message?: string } })?.error?.message ?? 'no explanation'
}

function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(length))
}
