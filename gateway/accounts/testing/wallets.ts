import { createHash } from 'node:crypto'
import { beginCell, type Cell, storeStateInit } from '@ton/core'
import {
  WalletContractV1R1,
  WalletContractV1R2,
  WalletContractV1R3,
  WalletContractV2R1,
  WalletContractV2R2,
  WalletContractV3R1,
  WalletContractV3R2,
  WalletContractV4,
  WalletContractV5Beta,
  WalletContractV5R1,
} from '@ton/ton'
import { base64 } from '#base/bytes.ts'
import type { Signer, TonProof } from '#protocol'
import { generateSigner } from '#protocol/node'
import { type TonAddress, tonAddress } from '../../db/ids.ts'

const CONTRACTS = {
  v1r1: WalletContractV1R1,
  v1r2: WalletContractV1R2,
  v1r3: WalletContractV1R3,
  v2r1: WalletContractV2R1,
  v2r2: WalletContractV2R2,
  v3r1: WalletContractV3R1,
  v3r2: WalletContractV3R2,
  v4: WalletContractV4,
  v5beta: WalletContractV5Beta,
  v5r1: WalletContractV5R1,
} as const

export type WalletVersion = keyof typeof CONTRACTS
// Sound: the keys of the table are the versions.
export const WALLET_VERSIONS = Object.keys(CONTRACTS) as readonly WalletVersion[]

/** What a wallet application does for TON Connect, written from its specification and not from our verifier. */
export interface TestWallet {
  readonly address: TonAddress
  readonly stateInit: string
  readonly signer: Signer
  prove(asked: { domain: string; payload: string; timestamp: number }): TonProof
}

/** A wallet of the real contract of that version, with a key of its own. */
export function testWallet(version: WalletVersion = 'v5r1', workchain: 0 | -1 = 0): TestWallet {
  const signer = generateSigner('wallet')
  const publicKey = Buffer.from(signer.publicKey)
  const { init } = CONTRACTS[version].create({ workchain, publicKey })
  return walletOf(init, signer, workchain)
}

/** A wallet of any code and data. */
export function walletOf(
  init: { code: Cell; data: Cell },
  signer: Signer,
  workchain: 0 | -1 = 0,
): TestWallet {
  const cell = beginCell().store(storeStateInit(init)).endCell()
  const address = tonAddress(`${workchain}:${cell.hash().toString('hex')}`)
  const stateInit = cell.toBoc().toString('base64')
  return {
    address,
    stateInit,
    signer,
    prove: (asked) => ({
      address,
      state_init: stateInit,
      proof: {
        timestamp: asked.timestamp,
        domain: { lengthBytes: Buffer.byteLength(asked.domain), value: asked.domain },
        payload: asked.payload,
        signature: base64(signer.sign(bytesToSign(address, asked))),
      },
    }),
  }
}

function bytesToSign(
  address: string,
  { domain, payload, timestamp }: { domain: string; payload: string; timestamp: number },
): Uint8Array {
  const [workchain = '', hash = ''] = address.split(':')
  const numbers = Buffer.alloc(4 + 4 + 8)
  numbers.writeInt32BE(Number(workchain), 0)
  numbers.writeUInt32LE(Buffer.byteLength(domain), 4)
  numbers.writeBigUInt64LE(BigInt(timestamp), 8)
  const message = Buffer.concat([
    Buffer.from('ton-proof-item-v2/'),
    numbers.subarray(0, 4),
    Buffer.from(hash, 'hex'),
    numbers.subarray(4, 8),
    Buffer.from(domain),
    numbers.subarray(8),
    Buffer.from(payload),
  ])
  const inner = createHash('sha256').update(message).digest()
  return createHash('sha256').update('ffff746f6e2d636f6e6e656374', 'hex').update(inner).digest()
}
