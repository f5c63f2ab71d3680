import { Address, beginCell, Cell, Dictionary } from '@ton/core'
import { Blockchain } from '@ton/sandbox'
import { type Bytes, base64, utf8 } from '#base/bytes.ts'
import { nano, parseNano, parseTon } from '#base/nano.ts'
import { ReadError } from '#base/reader.ts'
import {
  accountIdFromNumber,
  ContractError,
  chargeBatchCell,
  depositBody,
  formatMemo,
  friendlyAddress,
  memoBody,
  parseAccountId,
  parseAddress,
  parseMemo,
  REGISTRY_KIND,
  readBoc,
  readChargeBatch,
  readRegistryData,
  tillCode,
} from '#contracts'
import { tonAddress } from '#gateway/db/ids.ts'
import { readDeposit } from '#gateway/money/deposit.ts'
import { MoneyError } from '#gateway/money/errors.ts'
import { openJsonRpc } from '#gateway/money/json-rpc.ts'
import { readTransaction, toncenter } from '#gateway/money/toncenter.ts'
import { type FuzzTarget, target, Violation } from '../engine/target.ts'
import { jsonBytes, textOf } from './texts.ts'

const ADDRESS = `0:${'11'.repeat(32)}`
const ACCOUNT = accountIdFromNumber(123_456_789n)
const bytesOf = (cell: Cell): Bytes => new Uint8Array(cell.toBoc())

export async function moneyTargets(): Promise<readonly FuzzTarget[]> {
  return [...textTargets(), ...cellTargets(), ...(await chainTargets())]
}

function textTargets(): readonly FuzzTarget[] {
  const errors = [ContractError]
  return [
    target({
      name: 'memo',
      file: 'contracts/account-id.ts',
      corpus: [utf8(ACCOUNT), utf8(formatMemo(ACCOUNT)), utf8(formatMemo(ACCOUNT).toLowerCase())],
      dictionary: ['O', 'o', 'I', 'l', 'L', 'U', ' ', '-', '–', '\u0000'],
      errors,
      parse: (b) => parseMemo(textOf(b)),
      // What is taken is an account id, and is its own memo.
      rule: (id) => {
        if (id !== undefined && parseMemo(formatMemo(parseAccountId(id))) !== id) {
          throw new Violation('is not the memo of what it was read as')
        }
      },
    }),
    target({
      name: 'account id',
      file: 'contracts/account-id.ts',
      corpus: [utf8(ACCOUNT)],
      errors,
      parse: (b) => parseAccountId(textOf(b)),
      rule: (id, b) => {
        if (id !== textOf(b)) throw new Violation('took another spelling')
      },
    }),
    target({
      name: 'TON address',
      file: 'contracts/address.ts',
      corpus: [
        ADDRESS,
        friendlyAddress(ADDRESS),
        friendlyAddress(ADDRESS, { bounceable: false }),
      ].map(utf8),
      dictionary: ['0:', '-1:', 'EQ', 'UQ', 'kQ', '+', '/', '_', ' '],
      errors,
      parse: (b) => parseAddress(textOf(b)),
      rule: ({ raw }) => {
        if (Address.parse(raw).toRawString() !== raw) throw new Violation('is no address to others')
      },
    }),
    target({
      name: 'amount',
      file: 'base/nano.ts',
      corpus: ['0', '123', '1.5', '0.000000001', '9007199'].map(utf8),
      dictionary: ['.', '-', '+', 'e', '0', ' ', '٣', '９', '\n'],
      errors: [RangeError],
      parse: (b) => [attempt(parseNano, textOf(b)), parseTon(textOf(b))] as const,
      rule: ([, amount]) => {
        if (typeof amount !== 'bigint' || amount < 0n) throw new Violation('is no amount')
      },
    }),
  ]
}

/** What several parsers say of one text: a refusal of one must not hide the next. */
function attempt<T>(parse: (text: string) => T, text: string): T | undefined {
  try {
    return parse(text)
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

function cellTargets(): readonly FuzzTarget[] {
  const entry = beginCell().storeUint(1, 32).storeUint(0, 32).storeUint(5, 256).endCell()
  const entries = Dictionary.empty(Dictionary.Keys.BigUint(264), {
    serialize: (_: null, builder) => builder.storeSlice(entry.beginParse()),
    parse: () => null,
  })
  for (const kind of Object.values(REGISTRY_KIND)) {
    for (let i = 0n; i < 4n; i++) entries.set((BigInt(kind) << 256n) | (i * 77n), null)
  }
  const registry = beginCell()
    .storeUint(7, 32)
    .storeUint(0, 32)
    .storeRef(beginCell().endCell())
    .storeDict(entries)
    .endCell()
  const batch = chargeBatchCell({
    till: ADDRESS,
    feeBps: 500,
    items: new Map([
      [ACCOUNT, nano(5n)],
      [accountIdFromNumber(5n), nano(6n)],
    ]),
  })
  return [
    target({
      name: 'bag of cells',
      file: 'contracts/boc.ts',
      corpus: [bytesOf(tillCode()), bytesOf(batch)],
      errors: [ReadError],
      parse: readBoc,
      // What ours takes, the one of @ton/core reads the same.
      rule: (cell, b) => {
        const core = coreRoot(b)
        if (core !== undefined && core.bits.length !== cell.bitLength) {
          throw new Violation('reads another cell than @ton/core')
        }
      },
    }),
    target({
      name: 'Registry state',
      file: 'contracts/registry-entries.ts',
      corpus: [bytesOf(registry)],
      errors: [ReadError],
      parse: (b) => readRegistryData(readBoc(b)),
    }),
    target({
      name: 'charge batch',
      file: 'contracts/charge-batch.ts',
      corpus: [bytesOf(batch)],
      // It reads what this gateway's own store holds; @ton/core says in its own words what is wrong with a cell.
      errors: [Error],
      parse: (b) => readChargeBatch(Cell.fromBase64(base64(b))),
      rule: (read) => {
        if ([...read.items.values()].some((amount) => amount < 0n))
          throw new Violation('is negative')
      },
    }),
  ]
}

function coreRoot(bytes: Bytes): Cell | undefined {
  try {
    return Cell.fromBoc(Buffer.from(bytes))[0]
  } catch {
    return undefined
  }
}

async function chainTargets(): Promise<readonly FuzzTarget[]> {
  const transactions = await someTransactions()
  const texts = transactions.map((bytes) => base64(bytes))
  const [first = ''] = texts
  const { id, previous } = readTransaction(first)
  const state = {
    balance: '5000000000',
    state: 'active',
    last_transaction_id: { lt: '47000001', hash: base64(new Uint8Array(32)) },
    block_id: { seqno: 5 },
    sync_utime: 1_764_000_000,
  }
  const result = {
    exit_code: 0,
    stack: [
      ['num', '0x5'],
      ['num', '-0x1'],
      ['cell', { bytes: base64(bytesOf(tillCode())) }],
      ['list', {}],
    ],
    block_id: { seqno: 5 },
  }
  const page = texts.map((data) => ({ data, transaction_id: { lt: '1', hash: 'AA' } }))
  const answered = (value: unknown): Bytes => jsonBytes({ ok: true, result: value })
  const chainOf = (answer: Bytes) =>
    toncenter(
      openJsonRpc({
        endpoint: 'http://chain.example/',
        fetch: async () => new Response(answer),
        wait: async () => {},
        chance: () => 0,
        callsPerSecond: 1,
      }),
    )
  const errors = [MoneyError]
  const address = tonAddress(ADDRESS)
  return [
    target({
      name: 'TON transaction',
      file: 'gateway/money/deposit.ts',
      corpus: transactions,
      errors,
      parse: (b) => {
        const { transaction, id: named } = readTransaction(base64(b))
        return readDeposit(named.hash, transaction)
      },
      rule: ({ event }) => {
        if (event.value < 0n) throw new Violation('is a negative deposit')
      },
    }),
    target({
      name: 'toncenter’s account state',
      file: 'gateway/money/toncenter.ts',
      grammar: 'json',
      corpus: [answered(state)],
      errors,
      parse: (b) => chainOf(b).head(address),
      rule: ({ balance }) => {
        if (balance < 0n) throw new Violation('is a negative balance')
      },
    }),
    target({
      name: 'toncenter’s transactions',
      file: 'gateway/money/toncenter.ts',
      grammar: 'json',
      corpus: [answered(page.slice(0, 1))],
      errors,
      parse: (b) => chainOf(b).transactions(address, id, 10),
      // Whatever the provider says beside them, the chain of hashes from the anchor holds.
      rule: (walked) => {
        if (walked[0]?.id.hash !== id.hash) throw new Violation('does not begin with the anchor')
        if (walked[0].previous?.hash !== previous?.hash) throw new Violation('was changed')
      },
      inputs: 300_000,
    }),
    target({
      name: 'toncenter’s get-method result',
      file: 'gateway/money/toncenter.ts',
      grammar: 'json',
      corpus: [answered(result)],
      errors,
      parse: (b) => chainOf(b).runGet(address, 'account', []),
    }),
  ]
}

/** As a chain makes them: a deposit by comment, one by operation, a message that fails. */
async function someTransactions(): Promise<readonly Bytes[]> {
  const chain = await Blockchain.create()
  const [from, to] = [await chain.treasury('from'), await chain.treasury('to')]
  const found: Bytes[] = []
  for (const body of [
    memoBody(ACCOUNT),
    depositBody(ACCOUNT),
    beginCell().storeUint(5, 32).endCell(),
  ]) {
    const { transactions } = await from.send({
      to: to.address,
      value: 5_000_000_000n,
      body,
      bounce: false,
    })
    for (const { raw } of transactions.slice(1, 2)) found.push(bytesOf(raw))
  }
  return found
}
