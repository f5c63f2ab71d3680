import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { toSeconds } from '#base/brand.ts'
import { newAccountOwner, ownerToJson, signAccountRequest } from '#client'
import { type AccountMode, formatMemo } from '#contracts/pure'
import { readOwner } from '../account-file.ts'
import { type CommandIo, EXIT, UsageError } from '../command.ts'
import { readJson } from '../read-json.ts'
import { verb } from '../verbs.ts'
import { ask, gatewayUrl } from './gateway-account.ts'

/** What is done with the account's own keys, which stay on this machine. */
export const OWN_VERBS = {
  new: verb({ out: { type: 'string' }, mode: { type: 'string' } }, makeKeys),
  show: verb({}, showKeys, 1),
  register: verb({ gateway: { type: 'string' } }, registerKeys, 1),
}

async function makeKeys(
  io: CommandIo,
  flags: { readonly out?: string | undefined; readonly mode?: string | undefined },
): Promise<number> {
  if (flags.out === undefined) throw new UsageError('--out FILE is missing')
  const owner = await newAccountOwner({ mode: parseMode(flags.mode), random: randomBytes })
  const path = resolve(io.cwd, flags.out)
  try {
    await mkdir(dirname(path), { recursive: true })
    // wx: never overwrite a file that may hold the only copy of a recovery key.
    await writeFile(path, `${JSON.stringify(ownerToJson(owner), null, 2)}\n`, {
      mode: 0o600,
      flag: 'wx',
    })
    await chmod(path, 0o600)
  } catch (cause) {
    throw new UsageError(`cannot write ${flags.out}: is it there already?`, { cause })
  }
  io.out(
    `account  ${owner.id}\nmemo     ${formatMemo(owner.id)}\nkeys     ${path} (keep a copy: it is the recovery key)`,
  )
  return EXIT.ok
}

async function showKeys(io: CommandIo, _: unknown, [file]: readonly string[]): Promise<number> {
  const owner = await readOwner(io, file)
  io.out(`account  ${owner.id}\nmemo     ${formatMemo(owner.id)}\nmode     ${owner.mode}`)
  return EXIT.ok
}

async function registerKeys(
  io: CommandIo,
  flags: { readonly gateway?: string | undefined },
  [file]: readonly string[],
): Promise<number> {
  if (flags.gateway === undefined) throw new UsageError('--gateway URL is missing')
  const gateway = gatewayUrl('--gateway', flags.gateway)
  const request = await signAccountRequest(await readOwner(io, file), {
    gateway,
    random: randomBytes,
    nowSeconds: toSeconds(io.clock()),
  })
  const answer = await ask({ gateway, key: undefined }, '/v1/accounts', { body: request })
  // Sound: a 2xx of this route has this shape (openapi.yaml); a missing key prints as undefined, not as a secret.
  io.out(`API key (shown once): ${((await readJson(answer)) as { key?: string }).key}`)
  return EXIT.ok
}

function parseMode(text = 'sovereign'): AccountMode {
  if (text !== 'sovereign' && text !== 'managed')
    throw new UsageError('--mode is sovereign or managed')
  return text
}

function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(length))
}
