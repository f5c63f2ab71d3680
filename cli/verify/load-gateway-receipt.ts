import { createHash } from 'node:crypto'
import { toSeconds } from '#base/brand.ts'
import {
  type Answer,
  checkGatewayReceipt,
  DocumentError,
  isGatewayReceipt,
  readDocument,
  reportExhibit,
  type SessionRecord,
} from '#client/documents'
import { keysetDigest, type Receipt, receiptEvent } from '#protocol'
import { nodeProvider } from '#protocol/node'
import { UsageError } from '../command.ts'
import { askReport, attestationUrl, type Call, expectSession, nonceOf } from './ask.ts'
import type { Loaded } from './loaded.ts'
import { getJson, readBytesFile, readJsonFile, SourceError, targetUrl } from './sources.ts'

/** A gateway's own receipt: it and its keys' report from the gateway, with what else the gateway still has. */
export async function askGatewayReceipt(call: Call, url: URL, base: URL): Promise<Loaded> {
  const { deps, io } = call
  const key = io.env['COCOON_API_KEY']
  const receipt = readReceipt(await getJson(deps.fetch, url, key))
  if (!isGatewayReceipt(receipt)) {
    throw new DocumentError('malformed', 'the gateway answers with a receipt that is not its own')
  }
  const at = (path: string): URL => new URL(`${base.pathname.replace(/\/$/, '')}${path}`, base)
  const cited = receiptEvent(receipt, 'upstream.verified')?.session_id
  const runners = new URL(url)
  runners.searchParams.delete('by')
  return loaded(call, receipt, {
    answer: await askReport(call, attestationUrl(base)),
    origin: base.origin,
    session: await ifThere(async () =>
      expectSession(await getJson(deps.fetch, at(`/v1/aci/sessions/${cited}`))),
    ),
    runner: await ifThere(async () => readReceipt(await getJson(deps.fetch, runners, key))),
    usedAt: toSeconds(deps.clock()),
  })
}

/** The same from a file: its report is given too. */
export async function readGatewayReceipt(call: Call, receipt: Receipt): Promise<Loaded> {
  const { io, deps, options } = call
  const { report: source, session } = options
  if (source === undefined) {
    throw new UsageError('a gateway’s own receipt needs --report FILE|URL, evidence of its keys')
  }
  const url = targetUrl(source)
  if (url !== undefined && options.bundle !== undefined) {
    throw new UsageError('--bundle means no network: give --report as a file')
  }
  return loaded(call, receipt, {
    answer:
      url === undefined
        ? readReport(call, await readJsonFile(io.cwd, source))
        : await askReport(call, attestationUrl(url)),
    origin: url?.origin,
    session: session === undefined ? undefined : await sessionAt(call, session),
    runner: undefined,
    // The keys must have been alive when the receipt was signed, not when it is read.
    usedAt: url === undefined ? receipt.served_at - 1 : toSeconds(deps.clock()),
  })
}

interface Beside {
  readonly answer: Answer
  readonly origin: string | undefined
  readonly session: SessionRecord | undefined
  readonly runner: Receipt | undefined
  readonly usedAt: number
}

async function loaded(call: Call, receipt: Receipt, beside: Beside): Promise<Loaded> {
  const { io, options } = call
  const { answer, origin, session, runner, usedAt } = beside
  const keyset = answer.report.attestation.workload_keyset
  const exhibit = reportExhibit(answer, usedAt)
  const hashOf = async (file: string | undefined): Promise<string | undefined> =>
    file === undefined ? undefined : digestOf(await readBytesFile(io.cwd, file))
  const facts = {
    keyset,
    origin,
    session,
    runner,
    request: await hashOf(options.request),
    response: await hashOf(options.response),
  }
  const checks = await checkGatewayReceipt(receipt, facts, nodeProvider)
  return {
    exhibit: { ...exhibit, checks: [...checks, ...exhibit.checks] },
    about: `receipt ${receipt.receipt_id} of a gateway under keyset ${keysetDigest(keyset)}`,
    receipt,
    runsModel: false,
    saved: { document: answer.report, nonce: answer.nonce.value },
  }
}

function readReceipt(json: unknown): Receipt {
  const document = readDocument(json)
  if (document.kind === 'receipt') return document.receipt
  throw new DocumentError('malformed', 'this is no receipt')
}

function readReport({ options }: Call, json: unknown): Answer {
  const document = readDocument(json)
  if (document.kind !== 'report') throw new DocumentError('unknown', 'it is no attestation report')
  return { report: document.report, nonce: nonceOf(options, document.nonce) }
}

async function sessionAt({ io, deps }: Call, source: string): Promise<SessionRecord> {
  const url = targetUrl(source)
  return expectSession(
    url === undefined ? await readJsonFile(io.cwd, source) : await getJson(deps.fetch, url),
  )
}

/** What a gateway no longer has, or not yet, is shown as skipped. */
async function ifThere<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (cause) {
    if (cause instanceof SourceError) return undefined
    throw cause
  }
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
