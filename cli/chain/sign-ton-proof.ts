import { createHash, sign } from 'node:crypto'
import { beginCell, storeStateInit } from '@ton/core'
import { WalletContractV5R1 } from '@ton/ton'
import { type KeyPair, keyObjectOf } from './secret.ts'

/** What TON Connect's wallets sign, by a wallet whose key is at hand. @see protocol/SPEC.md section 10.3 */
export function signTonProof(
  pair: KeyPair,
  asked: {
    readonly networkId: number
    readonly domain: string
    readonly payload: string
    /** Unix seconds. */
    readonly timestamp: number
  },
) {
  const { networkId, domain, payload, timestamp } = asked
  const wallet = WalletContractV5R1.create({
    workchain: 0,
    publicKey: Buffer.from(pair.publicKey),
    walletId: { networkGlobalId: networkId },
  })
  const name = Buffer.from(domain)
  const [chain, length, time] = [Buffer.alloc(4), Buffer.alloc(4), Buffer.alloc(8)]
  length.writeUInt32LE(name.length)
  time.writeBigUInt64LE(BigInt(timestamp))
  const message = sha256(
    Buffer.from('ton-proof-item-v2/'),
    chain,
    wallet.address.hash,
    length,
    name,
    time,
    Buffer.from(payload),
  )
  const signed = sha256(Buffer.from([0xff, 0xff]), Buffer.from('ton-connect'), message)
  const state = beginCell().store(storeStateInit(wallet.init)).endCell()
  return {
    address: wallet.address.toRawString(),
    state_init: state.toBoc().toString('base64'),
    proof: {
      timestamp,
      domain: { lengthBytes: name.length, value: domain },
      payload,
      signature: sign(null, signed, keyObjectOf(pair)).toString('base64'),
    },
  }
}

function sha256(...parts: readonly Buffer[]): Buffer {
  return createHash('sha256').update(Buffer.concat(parts)).digest()
}
