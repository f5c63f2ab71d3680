import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isLocalUrl } from '#gateway/config.ts'
import { filled } from '../chain/target.ts'
import { type CommandIo, UsageError } from '../command.ts'
import { GatewayRefused, reachGateway } from '../reach-gateway.ts'
import { readJson } from '../read-json.ts'
import { readSecretFile } from '../read-secret-file.ts'
import { printable } from '../verify/printable.ts'

/** Where an account is, and the key that speaks for it. */
export interface GatewayAccount {
  /** An origin. */
  readonly gateway: string
  /** Undefined where the body itself is signed. */
  readonly key: string | undefined
}

export const ACCOUNT_OPTIONS = {
  gateway: { type: 'string' },
  'key-file': { type: 'string' },
} as const

/** For scripts: the gateway's answer as it came, once it was found to be one. */
export const JSON_OPTION = { json: { type: 'boolean' } } as const

export interface JsonFlag {
  readonly json?: boolean | undefined
}

export interface AccountFlags {
  readonly gateway?: string | undefined
  readonly 'key-file'?: string | undefined
}

const HEADER_VALUE = /^[\x21-\x7e]{1,512}$/

/** What a refusal asks the person at the keyboard to do, by the gateway's code. */
const REMEDIES: Readonly<Partial<Record<string, string>>> = {
  invalid_api_key:
    'is COCOON_API_KEY (or --key-file) of this gateway, and neither revoked nor expired?',
  admin_key_required: 'use the account’s first key, or one made by --role admin',
  key_not_found: 'cocoon keys list shows the ids',
  rate_limit_exceeded: 'wait a minute, and run it again',
  shutting_down: 'the gateway restarts: run it again',
}

/** The flags, else the environment, else the world of `npm start`. @throws UsageError that names no secret */
export async function openAccountAt(io: CommandIo, flags: AccountFlags): Promise<GatewayAccount> {
  const base = flags.gateway ?? filled(io.env['COCOON_BASE_URL'])
  const file = flags['key-file']
  const said =
    file === undefined ? filled(io.env['COCOON_API_KEY']) : await readSecretFile(io, file)
  // The key of one world is nothing to another gateway, so both come from there or neither.
  const world = base === undefined && said === undefined ? await localWorld(io) : undefined
  const url = base ?? world?.baseUrl
  const key = said ?? world?.apiKey
  if (url === undefined) {
    const whose = said === undefined ? '' : ': this API key may be of any gateway'
    throw new UsageError(`say --gateway URL, or set COCOON_BASE_URL${whose}`)
  }
  if (key === undefined) {
    throw new UsageError('set COCOON_API_KEY, or say --key-file FILE: an API key is no argument')
  }
  if (!HEADER_VALUE.test(key)) {
    throw new UsageError(`${file ?? 'COCOON_API_KEY'} holds no API key: one line like sk-coc-…`)
  }
  return {
    gateway: gatewayUrl(flags.gateway === undefined ? 'COCOON_BASE_URL' : '--gateway', url),
    key,
  }
}

/** The origin of a base URL, with or without `/v1`. @throws UsageError where a key would travel in the clear */
export function gatewayUrl(name: string, text: string): string {
  const isWeb = URL.canParse(text) && /^https?:/.test(text)
  if (!isWeb) throw new UsageError(`${name} must be a URL like https://gateway.example`)
  if (!text.startsWith('https:') && !isLocalUrl(text)) {
    throw new UsageError(`${name} must begin with https: the key would travel in the clear`)
  }
  return new URL(text).origin
}

async function localWorld(
  io: CommandIo,
): Promise<{ readonly baseUrl?: string; readonly apiKey?: string } | undefined> {
  try {
    // Sound: written by the world of this checkout; what is missing is asked for.
    return JSON.parse(await readFile(join(io.cwd, '.cocoon', 'dev.json'), 'utf8')) as object
  } catch {
    return undefined
  }
}

export interface Asked {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  readonly body?: object
}

/** @returns a success. @throws GatewayRefused */
export async function ask(
  { gateway, key }: GatewayAccount,
  path: string,
  { body, method = body === undefined ? 'GET' : 'POST' }: Asked = {},
): Promise<Response> {
  const response = await reachGateway(new URL(path, gateway), {
    method,
    headers: {
      'content-type': 'application/json',
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (response.ok) return response
  throw await refusal(response)
}

async function refusal(response: Response): Promise<GatewayRefused> {
  try {
    // Sound: what is not of this shape is caught below.
    const { error } = (await readJson(response)) as {
      error: { code: string | null; message: string }
    }
    const remedy = REMEDIES[error.code ?? '']
    const said = printable(`${error.message} (${response.status} ${error.code})`)
    return new GatewayRefused('refused', remedy === undefined ? said : `${said}. ${remedy}`)
  } catch {
    return new GatewayRefused(
      'unreadable',
      `status ${response.status} without a reason: is that a gateway of Cocoon?`,
    )
  }
}
