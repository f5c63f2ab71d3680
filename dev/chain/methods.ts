import { type Address, beginCell, Cell, external, loadMessage, storeMessage } from '@ton/core'
import { GetMethodError, SmartContract } from '@ton/sandbox'
import { type Chain, NotAccepted } from './chain.ts'
import { type Faults, strikes } from './faults.ts'
import type { StoredTransaction } from './history.ts'
import {
  accountJson,
  blockIdJson,
  stackItemFromJson,
  stackItemJson,
  transactionIdJson,
  transactionJson,
} from './json.ts'
import {
  addressParam,
  numberParam,
  optionalText,
  type Params,
  RpcError,
  textParam,
} from './params.ts'

/** Toncenter's v2 limit on one page of transactions. */
const MAX_PAGE = 100

/** Bits of `mode` in a short transaction id that say account, lt and hash are present. */
const SHORT_ID_MODE = 135

export type Method = (params: Params) => unknown

/** The methods of toncenter's v2 JSON-RPC that TonClient calls, answered as the faults let this provider see. */
export function chainMethods(chain: Chain, faults: Faults): Readonly<Record<string, Method>> {
  const top = () => faults.stale?.seqno ?? Math.max(0, chain.history.seqno - faults.lagBlocks)
  const time = () => faults.stale?.time ?? chain.now()
  const historyOf = (address: Address) => chain.history.transactionsOf(address.toRawString(), top())

  return {
    getMasterchainInfo: () => ({
      '@type': 'blocks.masterchainInfo',
      last: blockIdJson(-1, top()),
      state_root_hash: blockIdJson(-1, top()).root_hash,
      init: blockIdJson(-1, 0),
    }),

    getAddressInformation: (params) => {
      const address = addressParam(params)
      const account = chain.history.stateOf(address.toRawString(), top())
      return accountJson(account, historyOf(address).at(-1), top(), time())
    },

    getTransactions: (params) => page(historyOf(addressParam(params)), params).map(transactionJson),

    runGetMethod: async (params) => {
      const address = addressParam(params)
      const account = chain.history.stateOf(address.toRawString(), top())
      const outcome = await runGetMethod(chain, account, params, time())
      return { '@type': 'smc.runResult', ...outcome, block_id: blockIdJson(-1, top()) }
    },

    sendBoc: async (params) => {
      await send(chain, faults, messageCell(params))
      return { '@type': 'ok' }
    },

    sendBocReturnHash: async (params) => {
      const cell = messageCell(params)
      await send(chain, faults, cell)
      const hashes = { hash: cell.hash(), hash_norm: normalizedHash(cell) }
      return {
        '@type': 'raw.extMessageInfo',
        hash: hashes.hash.toString('base64'),
        hash_norm: hashes.hash_norm.toString('base64'),
      }
    },

    estimateFee: (params) => estimateFee(chain, params),

    shards: (params) => ({
      '@type': 'blocks.shards',
      shards: [blockIdJson(0, numberParam(params, 'seqno'))],
    }),

    getBlockTransactions: (params) => {
      const seqno = numberParam(params, 'seqno')
      const block = seqno <= top() ? chain.history.block(seqno) : undefined
      return {
        '@type': 'blocks.transactions',
        id: blockIdJson(numberParam(params, 'workchain'), seqno),
        req_count: block?.transactions.length ?? 0,
        incomplete: false,
        transactions: (block?.transactions ?? []).map(shortIdJson),
      }
    },

    tryLocateSourceTx: (params) => {
      const lt = BigInt(textParam(params, 'created_lt'))
      return located(historyOf(addressParam(params, 'source')), (stored) =>
        stored.transaction.outMessages
          .values()
          .some(({ info }) => info.type !== 'external-in' && info.createdLt === lt),
      )
    },

    tryLocateResultTx: (params) => {
      const lt = BigInt(textParam(params, 'created_lt'))
      return located(historyOf(addressParam(params, 'destination')), ({ transaction }) => {
        const info = transaction.inMessage?.info
        return info?.type === 'internal' && info.createdLt === lt
      })
    },
  }
}

/** Newest first, from the anchor (included) down to `to_lt` (excluded). */
function page(history: readonly StoredTransaction[], params: Params): StoredTransaction[] {
  const limit = numberParam(params, 'limit', 10)
  if (limit < 1 || limit > MAX_PAGE) throw new RpcError(422, `limit is 1 to ${MAX_PAGE}`)
  const lt = optionalText(params, 'lt')
  const lowest = BigInt(optionalText(params, 'to_lt') ?? '0')
  const start = lt === undefined ? history.length - 1 : anchorIndex(history, BigInt(lt), params)
  return history
    .slice(Math.max(0, start + 1 - limit), start + 1)
    .filter((stored) => stored.lt > lowest)
    .reverse()
}

function anchorIndex(history: readonly StoredTransaction[], lt: bigint, params: Params): number {
  const index = history.findLastIndex((stored) => stored.lt === lt)
  const hash = optionalText(params, 'hash')
  const found = history[index]
  const encoding = hash !== undefined && /^[0-9a-fA-F]{64}$/.test(hash) ? 'hex' : 'base64'
  if (!found || (hash !== undefined && !found.hash.equals(Buffer.from(hash, encoding)))) {
    throw new RpcError(
      500,
      'LITE_SERVER_UNKNOWN: cannot locate transaction in block with specified logical time',
    )
  }
  return index
}

async function runGetMethod(
  chain: Chain,
  account: ConstructorParameters<typeof SmartContract>[0] | undefined,
  params: Params,
  now: number,
) {
  const stack = params['stack']
  if (!Array.isArray(stack)) throw new RpcError(422, 'stack must be a list')
  // An address without code answers -256 on the real chain.
  if (account?.account?.storage.state.type !== 'active') {
    return { gas_used: 0, exit_code: -256, stack: [] }
  }
  try {
    const contract = new SmartContract(account, chain.sandbox)
    const method = textParam(params, 'method')
    const result = await contract.get(method, stack.map(stackItemFromJson), { now })
    return {
      gas_used: Number(result.gasUsed),
      exit_code: result.exitCode,
      stack: result.stack.map(stackItemJson),
    }
  } catch (error) {
    if (!(error instanceof GetMethodError)) throw error
    return { gas_used: Number(error.gasUsed), exit_code: error.exitCode, stack: [] }
  }
}

function messageCell(params: Params): Cell {
  try {
    return Cell.fromBase64(textParam(params, 'boc'))
  } catch (error) {
    throw new RpcError(422, 'boc is not a bag of cells', { cause: error })
  }
}

async function send(chain: Chain, faults: Faults, cell: Cell): Promise<void> {
  if (strikes(faults, 'dropSends')) return
  const message = loadMessage(cell.beginParse())
  if (message.info.type !== 'external-in') throw new RpcError(422, 'not an external message')
  try {
    await chain.submit(message)
  } catch (error) {
    if (!(error instanceof NotAccepted)) throw error
    throw new RpcError(
      500,
      'LITE_SERVER_UNKNOWN: cannot apply external message to current state : External message was not accepted',
      { cause: error },
    )
  }
  // The second copy is refused by any wallet that counts; whatever it does stays on the chain.
  if (strikes(faults, 'duplicateSends')) await chain.submit(message).catch(() => undefined)
  if (strikes(faults, 'loseReplies')) throw new RpcError(503, 'LITE_SERVER_NETWORK')
}

/** The external message's hash without its mutable parts. @see TEP-467 */
function normalizedHash(cell: Cell): Buffer {
  const message = loadMessage(cell.beginParse())
  if (message.info.type !== 'external-in') throw new RpcError(422, 'not an external message')
  const info = { ...message.info, src: null, importFee: 0n }
  return beginCell()
    .store(storeMessage({ info, init: null, body: message.body }, { forceRef: true }))
    .endCell()
    .hash()
}

async function estimateFee(chain: Chain, params: Params) {
  const code = optionalText(params, 'init_code')
  const data = optionalText(params, 'init_data')
  const init =
    code !== undefined && data !== undefined
      ? { code: Cell.fromBase64(code), data: Cell.fromBase64(data) }
      : undefined
  const message = external({
    to: addressParam(params),
    body: Cell.fromBase64(textParam(params, 'body')),
    ...(init === undefined ? {} : { init }),
  })
  const fees = await chain.dryRun(message, { ignoreChksig: params['ignore_chksig'] === true })
  return { '@type': 'query.fees', source_fees: { '@type': 'fees', ...fees }, destination_fees: [] }
}

function shortIdJson(stored: StoredTransaction) {
  const { lt, hash } = transactionIdJson(stored.lt, stored.hash)
  return { '@type': 'blocks.shortTxId', mode: SHORT_ID_MODE, account: stored.account, lt, hash }
}

function located(
  history: readonly StoredTransaction[],
  wanted: (stored: StoredTransaction) => boolean,
) {
  const found = history.find(wanted)
  if (!found) throw new RpcError(500, 'cannot locate transaction')
  return transactionJson(found)
}
