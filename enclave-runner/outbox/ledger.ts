import type { Json } from '#base/jcs.ts'
import type { Nano } from '#base/nano.ts'
import { nano, parseNano, ZERO_NANO } from '#base/nano.ts'

/** A receipt that waits for its gateway's answer. */
export interface Entry {
  /** The gateway's origin. */
  readonly gateway: string
  /** The runner id of the lease under which it was earned. */
  readonly runner: string
  readonly receiptId: string
  readonly ref: string
  readonly cost: Nano
  /** Unix seconds when it was made. */
  readonly at: number
  readonly receipt: Json
}

/** A receipt that its gateway refuses for good, with the gateway's signed reason when it gave one. */
export interface Refused {
  readonly gateway: string
  readonly receiptId: string
  readonly answer: Json
}

/** One line of the journal. Everything that the outbox knows is a fold over these. */
export type Line =
  | { readonly kind: 'put'; readonly entry: Entry }
  | {
      readonly kind: 'settled'
      readonly gateway: string
      readonly receiptId: string
      readonly host: Nano | undefined
    }
  | { readonly kind: 'refused'; readonly refused: Refused }
  | {
      readonly kind: 'voucher'
      readonly gateway: string
      readonly cumulative: Nano
      /** Absent for the first word of a gateway that has vouchered nothing yet. */
      readonly signed: SignedVoucher | undefined
    }
  | { readonly kind: 'credit'; readonly gateway: string; readonly credit: Credit }

/** A voucher as the gateway signed it: with it the host is paid by the Till, whatever became of the gateway. */
export interface SignedVoucher {
  readonly till: string
  readonly payee: string
  readonly cumulative: string
  readonly signature: string
  /** The gateway's meter key that it verified with, hex; empty for one kept by an earlier release. */
  readonly meterKey: string
}

/** What a gateway owes: earned, less what its vouchers grew by since we first heard of them (H20). */
export interface Credit {
  readonly earned: Nano
  /** Cumulative voucher when we first heard from this gateway; undefined before that. */
  readonly baseline: Nano | undefined
  readonly vouched: Nano
}

const NO_CREDIT: Credit = { earned: ZERO_NANO, baseline: undefined, vouched: ZERO_NANO }
/** Refusals kept for the host to read; older ones are dropped when the journal is rewritten. */
const MAX_REFUSED = 1000
/** Vouchers kept of one gateway. The oldest are never given up for newer ones: its last good one may be among them. */
const MAX_VOUCHERS = 32

/** The outbox's state. Pure: it is rebuilt by applying the journal's lines in order. */
export interface OutboxLedger {
  readonly pending: ReadonlyMap<string, Entry>
  readonly refused: readonly Refused[]
  apply(line: Line): void
  credit(gateway: string): Credit
  /** Of one gateway, the first kept first: the highest for each Till, wallet and meter key. */
  vouchers(gateway: string): readonly SignedVoucher[]
  /** Whether a voucher says what is not known yet, and there is room for it. */
  isNews(line: Extract<Line, { kind: 'voucher' }>): boolean
  /** Lines that rebuild this state and nothing else. */
  snapshot(): readonly Line[]
}

function entryKey(gateway: string, receiptId: string): string {
  return `${gateway} ${receiptId}`
}

/** Nanotons that a gateway owes us. */
export function outstanding(credit: Credit): Nano {
  return nano(credit.earned - (credit.vouched - (credit.baseline ?? credit.vouched)))
}

/**
 * A gateway that changes its Till, or a host its wallet, does not take the earlier one's money along. Nor does one that
 * changes its meter key: whether the Till honours a key is known when a voucher is redeemed.
 */
function voucherName(gateway: string, { till, payee, meterKey }: SignedVoucher): string {
  return `${gateway} ${till} ${payee} ${meterKey}`
}

export function createOutboxLedger(): OutboxLedger {
  const pending = new Map<string, Entry>()
  const credits = new Map<string, Credit>()
  const vouchers = new Map<string, SignedVoucher>()
  const vouchersOf = (gateway: string): readonly SignedVoucher[] =>
    [...vouchers].filter(([name]) => name.startsWith(`${gateway} `)).map(([, voucher]) => voucher)
  let refused: Refused[] = []
  const creditOf = (gateway: string): Credit => credits.get(gateway) ?? NO_CREDIT
  const earn = (gateway: string, amount: bigint): void => {
    const credit = creditOf(gateway)
    credits.set(gateway, { ...credit, earned: nano(credit.earned + amount) })
  }
  const take = (gateway: string, receiptId: string): Entry | undefined => {
    const key = entryKey(gateway, receiptId)
    const entry = pending.get(key)
    pending.delete(key)
    return entry
  }
  const isHigher = (gateway: string, voucher: SignedVoucher): boolean => {
    const known = vouchers.get(voucherName(gateway, voucher))
    return known === undefined || parseNano(known.cumulative) < parseNano(voucher.cumulative)
  }
  const apply: { [K in Line['kind']]: (line: Extract<Line, { kind: K }>) => void } = {
    put({ entry }) {
      pending.set(entryKey(entry.gateway, entry.receiptId), entry)
      earn(entry.gateway, entry.cost)
    },
    settled({ gateway, receiptId, host }) {
      const entry = take(gateway, receiptId)
      // The commission is not ours: only the host's share stays earned.
      if (entry !== undefined && host !== undefined) earn(gateway, host - entry.cost)
    },
    refused({ refused: item }) {
      const entry = take(item.gateway, item.receiptId)
      if (entry !== undefined) earn(item.gateway, -entry.cost)
      refused = [...refused, item].slice(-MAX_REFUSED)
    },
    voucher({ gateway, cumulative, signed }) {
      const credit = creditOf(gateway)
      const baseline = credit.baseline ?? cumulative
      if (signed !== undefined && isHigher(gateway, signed)) {
        vouchers.set(voucherName(gateway, signed), signed)
      }
      if (cumulative < credit.vouched) return
      credits.set(gateway, { ...credit, baseline, vouched: cumulative })
    },
    credit({ gateway, credit }) {
      credits.set(gateway, credit)
    },
  }
  return {
    pending,
    get refused() {
      return refused
    },
    apply(line) {
      // Sound: the handler is looked up by the line's own kind.
      const handle = apply[line.kind] as (line: Line) => void
      handle(line)
    },
    credit: creditOf,
    vouchers: vouchersOf,
    isNews({ gateway, cumulative, signed }) {
      const { baseline, vouched } = creditOf(gateway)
      if (signed === undefined) return baseline === undefined || cumulative > vouched
      const isKnown = vouchers.has(voucherName(gateway, signed))
      if (!isKnown && vouchersOf(gateway).length >= MAX_VOUCHERS) return false
      return isHigher(gateway, signed)
    },
    snapshot: () => [
      ...Array.from(pending.values(), (entry): Line => ({ kind: 'put', entry })),
      ...refused.map((item): Line => ({ kind: 'refused', refused: item })),
      ...Array.from(vouchers, ([name, voucher]): Line => {
        const [gateway = ''] = name.split(' ')
        const cumulative = parseNano(voucher.cumulative)
        return { kind: 'voucher', gateway, cumulative, signed: voucher }
      }),
      // Last, because a replayed `put` counts its cost again.
      ...Array.from(credits, ([gateway, credit]): Line => ({ kind: 'credit', gateway, credit })),
    ],
  }
}

/** A line as JSON text; amounts are decimal strings. */
export function formatLine(line: Line): string {
  // Sound: the writer is looked up by the line's own kind.
  return JSON.stringify(WIRE[line.kind](line as never))
}

const text = (amount: Nano | undefined): string | undefined => amount?.toString()

/** The JSON form of each kind: bigints have none of their own. */
const WIRE: { [K in Line['kind']]: (line: Extract<Line, { kind: K }>) => object } = {
  put: ({ kind, entry }) => ({ kind, entry: { ...entry, cost: text(entry.cost) } }),
  settled: ({ host, ...line }) => ({ ...line, host: text(host) }),
  refused: (line) => line,
  voucher: ({ cumulative, ...line }) => ({ ...line, cumulative: text(cumulative) }),
  credit: ({ kind, gateway, credit: { earned, baseline, vouched } }) => ({
    kind,
    gateway,
    credit: { earned: text(earned), baseline: text(baseline), vouched: text(vouched) },
  }),
}

/** Parses one line. @throws RangeError, SyntaxError or TypeError when it is not one of ours */
export function parseLine(source: string): Line {
  const value: unknown = JSON.parse(source)
  const line = fields(value)
  const kind = line['kind']
  if (kind === 'put') {
    const entry = fields(line['entry'])
    return {
      kind,
      entry: {
        ...names(entry),
        runner: string(entry['runner']),
        ref: string(entry['ref']),
        cost: amount(entry['cost']),
        at: integer(entry['at']),
        receipt: json(entry['receipt']),
      },
    }
  }
  if (kind === 'settled') {
    return {
      kind,
      ...names(line),
      host: line['host'] === undefined ? undefined : amount(line['host']),
    }
  }
  if (kind === 'refused') {
    const refused = fields(line['refused'])
    return { kind, refused: { ...names(refused), answer: json(refused['answer']) } }
  }
  if (kind === 'voucher') {
    const signed = line['signed']
    return {
      kind,
      gateway: string(line['gateway']),
      cumulative: amount(line['cumulative']),
      signed: signed === undefined ? undefined : parseSigned(fields(signed)),
    }
  }
  if (kind === 'credit') {
    return { kind, gateway: string(line['gateway']), credit: parseCredit(fields(line['credit'])) }
  }
  throw new RangeError('unknown line')
}

function parseSigned(voucher: Readonly<Record<string, unknown>>): SignedVoucher {
  const [till, payee] = [string(voucher['till']), string(voucher['payee'])]
  const signature = string(voucher['signature'])
  const meterKey = voucher['meterKey'] === undefined ? '' : string(voucher['meterKey'])
  return { till, payee, cumulative: amount(voucher['cumulative']).toString(), signature, meterKey }
}

function parseCredit(credit: Readonly<Record<string, unknown>>): Credit {
  const baseline = credit['baseline']
  return {
    earned: signed(credit['earned']),
    baseline: baseline === undefined ? undefined : amount(baseline),
    vouched: amount(credit['vouched']),
  }
}

function names(value: Readonly<Record<string, unknown>>) {
  return { gateway: string(value['gateway']), receiptId: string(value['receiptId']) }
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw new TypeError('not an object')
  // Sound: a non-null object is read by own string keys only.
  return value as Readonly<Record<string, unknown>>
}

function string(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('not a string')
  return value
}

function integer(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value))
    throw new TypeError('not an integer')
  return value
}

function amount(value: unknown): Nano {
  return parseNano(string(value))
}

/** Earned may be negative for a while: a share below the cost arrives after a voucher. */
function signed(value: unknown): Nano {
  const digits = string(value)
  return digits.startsWith('-') ? nano(-parseNano(digits.slice(1))) : parseNano(digits)
}

function json(value: unknown): Json {
  if (value === undefined) throw new TypeError('missing')
  // Sound: values come from JSON.parse, which makes nothing but Json.
  return value as Json
}
