import { Address, Cell, comment, toNano } from '@ton/core'
import type { Chain } from './chain.ts'
import { FAULT_NAMES, type Faults } from './faults.ts'
import type { Method } from './methods.ts'
import { numberParam, optionalText, type Params, RpcError, textParam } from './params.ts'

/** Methods that only a development chain has; never subject to faults. */
export function devMethods(chain: Chain, faults: Faults): Readonly<Record<string, Method>> {
  return {
    dev_faucet: (params) => faucet(chain, params),

    /** {seconds}: moves the clock forward. {now}: moves it forward to that Unix time. */
    dev_time: (params) => {
      const seconds =
        params['now'] === undefined
          ? numberParam(params, 'seconds', 0)
          : numberParam(params, 'now') - chain.now()
      if (seconds < 0) throw new RpcError(422, 'chain time does not go backwards')
      chain.advance(seconds)
      return { now: chain.now() }
    },

    dev_mine: async () => ({ seqno: (await chain.mine()).seqno }),

    /** Sets the counters that are named and leaves the others; {stale: true} freezes this provider's view. */
    dev_fault: (params) => {
      for (const name of FAULT_NAMES) faults[name] = numberParam(params, name, faults[name])
      if (params['stale'] === true) {
        faults.stale = { seqno: chain.history.seqno, time: chain.now() }
      } else if (params['stale'] === false) {
        faults.stale = null
      }
      return faults
    },
  }
}

/** {address, amount (TON), comment? | body? (base64 BoC), bounce?}: a transfer from a bottomless wallet. */
async function faucet(chain: Chain, params: Params) {
  const text = textParam(params, 'address')
  // The friendly form carries the sender's default; the raw form means bounceable, as in wallets.
  const bounceable = Address.isFriendly(text) ? Address.parseFriendly(text).isBounceable : true
  const block = await chain.faucet({
    to: Address.parse(text),
    value: toNano(textParam(params, 'amount')),
    bounce: typeof params['bounce'] === 'boolean' ? params['bounce'] : bounceable,
    ...bodyOf(params),
  })
  return { seqno: block.seqno }
}

function bodyOf(params: Params): { body?: Cell } {
  const text = optionalText(params, 'comment')
  if (text !== undefined) return { body: comment(text) }
  const boc = optionalText(params, 'body')
  return boc === undefined ? {} : { body: Cell.fromBase64(boc) }
}
