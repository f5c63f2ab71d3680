import type { Clock, Random } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import {
  type Answer,
  DocumentError,
  type Nonce,
  readDocument,
  type SessionRecord,
} from '#client/documents'
import type { CommandIo } from '../command.ts'
import type { VerifyOptions } from './options.ts'
import { getJson, SourceError } from './sources.ts'

export interface VerifyDeps {
  readonly fetch: typeof fetch
  readonly clock: Clock
  readonly random: Random
}

/** One run of the command. */
export interface Call {
  readonly io: CommandIo
  readonly deps: VerifyDeps
  readonly options: VerifyOptions
}

const ATTESTATION_PATH = '/v1/aci/attestation'
const NONCE_BYTES = 32
const NOT_FOUND = 404

/** Where a service shows evidence, whatever of its addresses was given. */
export function attestationUrl(url: URL): URL {
  const path = url.pathname.replace(/\/+$/, '').replace(/(?:\/v1(?:\/aci\/attestation)?)?$/, '')
  return new URL(`${path}${ATTESTATION_PATH}`, url.origin)
}

/** A report over the user's nonce, or a fresh one. @throws DocumentError, SourceError */
export async function askReport({ deps, options }: Call, url: URL): Promise<Answer> {
  const nonce = options.nonce ?? hex(deps.random(NONCE_BYTES))
  url.searchParams.set('nonce', nonce)
  const document = readDocument(await readEvidence(deps.fetch, url))
  if (document.kind !== 'report') throw new DocumentError('unknown', 'it is no attestation report')
  return { report: document.report, nonce: { value: nonce, own: true } }
}

async function readEvidence(fetcher: typeof fetch, url: URL): Promise<unknown> {
  try {
    return await getJson(fetcher, url)
  } catch (cause) {
    if (!(cause instanceof SourceError && cause.status === NOT_FOUND)) throw cause
    const what = `${url.host} shows no evidence of its own: name a runner’s origin, as the gateway’s /v1/runners lists it`
    throw new SourceError('refused', what, { cause, status: NOT_FOUND })
  }
}

/** @throws DocumentError */
export function expectSession(json: unknown): SessionRecord {
  const document = readDocument(json)
  if (document.kind === 'session') return document.session
  throw new DocumentError('unknown', 'it is no attested session')
}

/** A nonce of the user's counts as own; without any the report is taken as unasked. */
export function nonceOf(options: VerifyOptions, recorded: string | null | undefined): Nonce {
  if (options.nonce !== undefined) return { value: options.nonce, own: true }
  return { value: recorded ?? null, own: false }
}
