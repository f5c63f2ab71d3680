import { toSeconds } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import {
  type Answer,
  checkReceipt,
  type Document,
  DocumentError,
  evidenceExhibit,
  isGatewayReceipt,
  readDocument,
  reportExhibit,
  type SessionRecord,
  sessionExhibit,
} from '#client/documents'
import { keysetDigest, type Receipt } from '#protocol'
import { nodeProvider } from '#protocol/node'
import { UsageError } from '../command.ts'
import { askReport, attestationUrl, type Call, expectSession, nonceOf } from './ask.ts'
import { askGatewayReceipt, readGatewayReceipt } from './load-gateway-receipt.ts'
import type { Loaded } from './loaded.ts'
import { getJson, readJsonFile, SourceError, targetUrl } from './sources.ts'

const SESSION_PATH = /^(.*)\/v1\/aci\/sessions\/([0-9a-f]{64})$/
const RECEIPT_PATH = /^(.*)\/v1\/aci\/receipts\/req_[0-9a-f]{32}(?:\.[0-9]{1,4})?$/
const RUNNER_ID = /^run_[0-9a-z]{1,60}$/

/**
 * Reads the target, and whatever else is needed to know what its evidence is to vouch for.
 * @throws UsageError, SourceError, DocumentError
 */
export async function load(call: Call): Promise<Loaded> {
  const { io, options } = call
  const url = targetUrl(options.target)
  if (url === undefined) {
    const json = await readJsonFile(io.cwd, options.target)
    return loadDocument(call, json, readDocument(json))
  }
  if (options.bundle !== undefined) {
    throw new UsageError('--bundle means no network: give a file, as --save-bundle writes it')
  }
  if (SESSION_PATH.test(url.pathname)) return loadSession(call, url)
  if (RECEIPT_PATH.test(url.pathname)) return loadReceipt(call, url)
  const answer = await askReport(call, attestationUrl(url))
  return loadReport(call, answer)
}

async function loadDocument(call: Call, json: unknown, document: Document): Promise<Loaded> {
  const { options } = call
  switch (document.kind) {
    case 'evidence':
      return {
        exhibit: evidenceExhibit(document.evidence),
        about: 'evidence',
        receipt: undefined,
        runsModel: true,
        saved: { document: json, nonce: null },
      }
    case 'report':
      return loadReport(call, { report: document.report, nonce: nonceOf(options, document.nonce) })
    case 'session':
      return sessionLoaded(call, { session: document.session, askedAs: undefined, live: undefined })
    case 'receipt':
      return isGatewayReceipt(document.receipt)
        ? readGatewayReceipt(call, document.receipt)
        : receiptLoaded(call, document.receipt, await sessionOption(call))
  }
}

function loadReport({ deps }: Call, answer: Answer): Loaded {
  const { subject } = answer.report.attestation.workload_keyset
  return {
    exhibit: reportExhibit(answer, toSeconds(deps.clock())),
    about: `report of ${subject}`,
    receipt: undefined,
    runsModel: true,
    saved: { document: answer.report, nonce: answer.nonce.value },
  }
}

/** The record, and the upstream itself over a nonce of our own if the gateway still reaches it. */
async function loadSession(call: Call, url: URL): Promise<Loaded> {
  const [, prefix = '', id = ''] = SESSION_PATH.exec(url.pathname) ?? []
  const session = expectSession(await getJson(call.deps.fetch, url))
  const live = await askUpstream(call, new URL(`${url.origin}${prefix}`), session)
  return sessionLoaded(call, { session, askedAs: id, live })
}

async function askUpstream(
  call: Call,
  base: URL,
  { upstream }: SessionRecord,
): Promise<Answer | undefined> {
  if (upstream === undefined || !RUNNER_ID.test(upstream)) return undefined
  try {
    const url = new URL(`${base.pathname.replace(/\/$/, '')}/runners/${upstream}`, base)
    return await askReport(call, attestationUrl(url))
  } catch (cause) {
    // It has left, or the gateway does not reach it: the record remains, and `report.fresh` is shown as skipped.
    if (cause instanceof SourceError) return undefined
    throw cause
  }
}

interface FoundSession {
  readonly session: SessionRecord
  readonly askedAs: string | undefined
  readonly live: Answer | undefined
}

async function sessionLoaded(call: Call, found: FoundSession, at?: number): Promise<Loaded> {
  const { session, live, askedAs } = found
  const { deps, options } = call
  const nonce = nonceOf(options, session.nonce)
  const exhibit = sessionExhibit(session, {
    askedAs,
    live,
    nonce,
    evidenceDigest: await digestOf(session.reportText),
    at: at ?? toSeconds(deps.clock()),
  })
  const used = live ?? { report: session.report, nonce }
  return {
    exhibit,
    about: `session ${askedAs ?? session.id ?? '(no id)'} of ${session.upstream ?? 'an upstream'}`,
    receipt: undefined,
    runsModel: true,
    saved:
      live === undefined
        ? { document: session.document, nonce: nonce.value }
        : { document: used.report, nonce: used.nonce.value },
  }
}

async function loadReceipt(call: Call, url: URL): Promise<Loaded> {
  const { deps, io, options } = call
  const [, prefix = ''] = RECEIPT_PATH.exec(url.pathname) ?? []
  const base = new URL(`${url.origin}${prefix}`)
  if (url.searchParams.get('by') === 'gateway') return askGatewayReceipt(call, url, base)
  const document = readDocument(await getJson(deps.fetch, url, io.env['COCOON_API_KEY']))
  if (document.kind !== 'receipt') throw new DocumentError('malformed', 'this is no receipt')
  const { receipt } = document
  const found =
    options.session === undefined
      ? await findSession(call, base, receipt)
      : await sessionOption(call)
  return receiptLoaded(call, receipt, found)
}

/** The gateway's session of the keyset that the receipt names. */
async function findSession(call: Call, base: URL, receipt: Receipt): Promise<FoundSession> {
  const at = (path: string): URL => new URL(`${base.pathname.replace(/\/$/, '')}${path}`, base)
  const digest = receipt.workload_keyset_digest
  const listed = await getJson(call.deps.fetch, at(`/v1/aci/sessions?keyset_digest=${digest}`))
  const id = sessionIds(listed, digest)[0]
  if (id === undefined) {
    throw new SourceError('refused', `${base.host} lists no session of the receipt’s keyset`)
  }
  const session = expectSession(await getJson(call.deps.fetch, at(`/v1/aci/sessions/${id}`)))
  return { session, askedAs: id, live: undefined }
}

function sessionIds(listed: unknown, digest: string): string[] {
  // Sound: members of unknown JSON, each checked before use.
  const sessions = (listed as { readonly sessions?: unknown } | null)?.sessions
  if (!Array.isArray(sessions)) return []
  return sessions.flatMap(
    (entry: { session_id?: unknown; workload_keyset_digest?: unknown } | null) =>
      entry?.workload_keyset_digest === digest &&
      typeof entry.session_id === 'string' &&
      /^[0-9a-f]{64}$/.test(entry.session_id)
        ? [entry.session_id]
        : [],
  )
}

/** What `--session` names: a session's document, by file or URL. */
async function sessionOption({ deps, io, options }: Call): Promise<FoundSession> {
  const { session: source, bundle } = options
  if (source === undefined) {
    throw new UsageError('a receipt needs --session FILE|URL, the session of its runner')
  }
  const url = targetUrl(source)
  if (url !== undefined && bundle !== undefined) {
    throw new UsageError('--bundle means no network: give --session as a file')
  }
  const json =
    url === undefined ? await readJsonFile(io.cwd, source) : await getJson(deps.fetch, url)
  const askedAs = url === undefined ? undefined : SESSION_PATH.exec(url.pathname)?.[2]
  return { session: expectSession(json), askedAs, live: undefined }
}

async function receiptLoaded(call: Call, receipt: Receipt, found: FoundSession): Promise<Loaded> {
  // The keys must have been alive when the receipt was signed, not when it is read.
  const loaded = await sessionLoaded(call, found, receipt.served_at - 1)
  const checks = await checkReceipt(receipt, found.session.keyset, nodeProvider)
  const { exhibit } = loaded
  return {
    ...loaded,
    exhibit: { ...exhibit, checks: [...checks, ...exhibit.checks] },
    about: `receipt ${receipt.receipt_id} under keyset ${keysetDigest(found.session.keyset)}`,
    receipt,
  }
}

async function digestOf(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text)
  return `sha256:${hex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)))}`
}
