import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Cell } from '@ton/core'
import { fromHex, hex } from '#base/bytes.ts'
import { nano, parseNano } from '#base/nano.ts'
import {
  cellHash,
  chargeBodyOf,
  readChargeBatch,
  redeemBody,
  TILL_VALUE,
  verifyVoucher,
  type WireVoucher,
  webVerify,
} from '#contracts'
import { perform, type SendFlags } from '../chain/perform.ts'
import { EXIT, UsageError } from '../command.ts'
import type { TillContext } from './context.ts'
import { tons } from './status.ts'

/** A signed charge that a pack may carry beside its voucher. */
interface WireCharge {
  /** The signed cell, a bag of cells in base64. */
  readonly batch: string
  readonly signature: string
}

interface Pack {
  readonly voucher: WireVoucher
  readonly charges: readonly WireCharge[]
}

/**
 * What a host does when its gateway is gone: submits the voucher of its pack with any wallet. Nothing of the gateway is asked.
 * The file is what `GET /v1/hosts/{address}` answered, a heartbeat's `settlement`, or the runner's outbox.
 */
export async function redeemPack(
  context: TillContext,
  file: string | undefined,
  flags: SendFlags,
): Promise<number> {
  const { io, target, till, provider, address } = context
  const { voucher, charges } = await bestOf(context, await readPacks(context, file))
  for (const charge of charges) {
    const code = await submitCharge(context, charge, flags)
    if (code !== EXIT.ok) return code
  }
  const { payee } = voucher
  const cumulative = parseNano(voucher.cumulative)
  const before = await till.getPayeePaid(provider, payee)
  const { pool } = await till.getTotals(provider)
  if (before < cumulative && pool === 0n) {
    io.err(
      `nothing can be paid yet: hosts’ pool is empty, ${tons(nano(cumulative - before))} are due. Run this again later: debits become pool when their hold is over.`,
    )
    return EXIT.failed
  }
  return perform(io, target, flags, {
    title: `pay the voucher of ${payee}: ${tons(cumulative)} in all, ${tons(before)} of it already paid`,
    to: address,
    value: TILL_VALUE.redeem,
    body: redeemBody({ till: address, payee, cumulative }, fromHex(voucher.signature)),
    done: async () => {
      const paid = await till.getPayeePaid(provider, payee)
      if (paid >= cumulative) return `${payee} has been paid all of its ${tons(paid)}`
      if (paid === before) return undefined
      return `${tons(nano(paid - before))} paid, ${tons(nano(cumulative - paid))} are still due: run this again later`
    },
  })
}

/** The highest that is signed by a meter key that the Till honours: a runner keeps one of each key. */
async function bestOf(
  { till, provider, address }: TillContext,
  [first, ...rest]: readonly [Pack, ...Pack[]],
): Promise<Pack> {
  const mine = [first, ...rest].filter(({ voucher }) => voucher.till === address)
  if (mine.length === 0) {
    throw new UsageError(`the voucher is for the Till ${first.voucher.till}: say --till`)
  }
  const { key, previous } = await till.getMeterKey(provider)
  for (const pack of mine) {
    for (const honoured of [key, previous?.key]) {
      if (honoured !== undefined && (await verifyVoucher(pack.voucher, hex(honoured)))) return pack
    }
  }
  throw new UsageError('the voucher is not signed by a meter key that this Till honours')
}

async function submitCharge(
  { io, target, till, provider, address }: TillContext,
  charge: WireCharge,
  flags: SendFlags,
): Promise<number> {
  const cell = Cell.fromBase64(charge.batch)
  const { items } = readChargeBatch(cell)
  const signature = fromHex(charge.signature)
  const { key } = await till.getMeterKey(provider)
  if (!(await webVerify(key, cellHash(cell), signature))) {
    throw new UsageError('a charge of the pack is not signed by the meter key')
  }
  return perform(io, target, flags, {
    title: `charge ${items.size} accounts`,
    to: address,
    value: TILL_VALUE.charge(items.size),
    body: chargeBodyOf(cell, signature),
    done: async () => {
      for (const [account, cumulative] of items) {
        const { debit, available, capLeft } = await till.getAccount(provider, account)
        if (debit < cumulative && available > 0n && capLeft > 0n) return undefined
      }
      return 'its accounts are charged'
    },
  })
}

/** The highest first. */
async function readPacks(
  { io }: TillContext,
  file: string | undefined,
): Promise<readonly [Pack, ...Pack[]]> {
  if (file === undefined) throw new UsageError('the pack’s FILE is missing')
  let text: string
  try {
    text = await readFile(resolve(io.cwd, file), 'utf8')
  } catch (cause) {
    throw new UsageError(`cannot read ${file}`, { cause })
  }
  const [best, ...others] = jsonValues(text)
    .flatMap(packsIn)
    .toSorted((a, b) => (BigInt(a.voucher.cumulative) < BigInt(b.voucher.cumulative) ? 1 : -1))
  if (best === undefined) throw new UsageError(`${file} holds no voucher`)
  return [best, ...others]
}

/** One document, or one a line as in the runner's outbox. */
function jsonValues(text: string): readonly unknown[] {
  try {
    return [JSON.parse(text)]
  } catch {
    return text.split('\n').flatMap((line) => {
      try {
        return line === '' ? [] : [JSON.parse(line)]
      } catch {
        return []
      }
    })
  }
}

/** Wherever a voucher stands in a document: it is proved by its signature, not by its place. */
function packsIn(value: unknown): readonly Pack[] {
  if (typeof value !== 'object' || value === null) return []
  const members: Readonly<Record<string, unknown>> = { ...value }
  const { till, payee, cumulative, signature } = members
  const texts = [till, payee, cumulative, signature]
  if (texts.every((text) => typeof text === 'string') && /^\d{1,19}$/.test(String(cumulative))) {
    const voucher = { till, payee, cumulative, signature }
    // Sound: all four were just seen to be text.
    return [{ voucher: voucher as unknown as WireVoucher, charges: [] }]
  }
  const charges = Array.isArray(members['charges']) ? members['charges'].filter(isCharge) : []
  return Object.values(members)
    .flatMap(packsIn)
    .map((pack) => (pack.charges.length > 0 ? pack : { ...pack, charges }))
}

function isCharge(value: unknown): value is WireCharge {
  return (
    typeof value === 'object' &&
    value !== null &&
    'batch' in value &&
    typeof value.batch === 'string' &&
    'signature' in value &&
    typeof value.signature === 'string'
  )
}
