import { beginCell, Cell, storeStateInit } from '@ton/core'
import { WalletContractV4, WalletContractV5Beta, WalletContractV5R1 } from '@ton/ton'
import { describe, expect, test } from 'vitest'
import { unixSeconds } from '#base/brand.ts'
import { parseTonProof, type TonProof, type TonProofPayload, tonProofPayload } from '#protocol'
import { generateSigner, nodeProvider } from '#protocol/node'
import { tonAddress } from '../db/ids.ts'
import { testWallet, WALLET_VERSIONS, walletOf } from './testing/wallets.ts'
import { TON_PROOF_SECONDS, type TonProofExpectation, verifyTonProof } from './ton-proof.ts'
import { keyOfWallet } from './wallet-key.ts'

const NOW = unixSeconds(1_750_000_000)
const DOMAIN = 'gateway.example'
const SUBJECT = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const NONCE = 'ab'.repeat(16)
const PAYLOAD = tonProofPayload({ purpose: 'signIn', subject: SUBJECT, nonce: NONCE })
const ASKED = { domain: DOMAIN, payload: PAYLOAD, timestamp: NOW }

type Changes = Partial<TonProofExpectation>

function expectation(proof: TonProof, changes: Changes = {}): TonProofExpectation {
  const wallet = tonAddress(proof.address)
  return { wallet, domain: DOMAIN, payload: PAYLOAD, walletKey: undefined, now: NOW, ...changes }
}

const verify = (proof: TonProof, changes?: Changes) =>
  verifyTonProof(nodeProvider, proof, expectation(proof, changes))

const withProof = (whole: TonProof, proof: Partial<TonProof['proof']>): TonProof => ({
  ...whole,
  proof: { ...whole.proof, ...proof },
})

const withState = (whole: TonProof, state_init: string): TonProof => ({ ...whole, state_init })

function withoutState({ address, proof }: TonProof): TonProof {
  return { address, proof }
}

/** Signed by wallet applications, and published by others: facts, so that both sides are not ours. */
const RECORDED = {
  'Tonkeeper for Android, wallet v4': {
    init: WalletContractV4.create({
      workchain: 0,
      publicKey: Buffer.from(
        '233ad31da6b7979ba0dc8e4c4fb944639ef447b6acad5071bfb466e88ff6f6fb',
        'hex',
      ),
    }).init,
    address: '0:b2a1ecf5545e076cd36ae516ea7ebdf32aea008caa2b84af9866becb208895ad',
    domain: 'ratingers.pythonanywhere.com',
    timestamp: 1_674_392_728,
    payload: 'doc-example-<BACKEND_AUTH_ID>',
    signature:
      'trCkHit07NZUayjGLxJa6FoPnaGHkqPy2JyNjlUbxzcc3aGvsExCmHXi6XJGuoCu6M2RMXiLzIftEm6PAoy1BQ==',
  },
  'a W5 beta wallet on the test network': {
    init: WalletContractV5Beta.create({
      walletId: { networkGlobalId: -3 },
      publicKey: Buffer.from(
        'c5134fcb39879c2cf81ffdc347353d031cf184538130fdd42688152088bf69ba',
        'hex',
      ),
    }).init,
    address: '0:7afd7563d8fd084d35060278320769743905983b8ea43c5b16fb6e3dc0a190dd',
    domain: 'winogarcia.github.io',
    timestamp: 1_721_812_530,
    payload: [
      'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9',
      'eyJ1bmlxdWVfbmFtZSI6IjQxNDA1NzUxLTNlZjEtNDZhYi04ZDJiLTRkMjE4NWVhZjI2ZSIsIm5iZiI6MTcyMTgxMjQ4OCwiZXhwIjoxNzIxODEzMzg4LCJpYXQiOjE3MjE4MTI0ODgsImlzcyI6Iklzc3VlckZvclBheWxvYWQiLCJhdWQiOiJBdWRpZW5jZUZvclBheWxvYWQifQ',
      'rzJ1tpq-jDp19pDwWO8ZNp8T9ZkME9CZXIppWc5FYGo',
    ].join('.'),
    signature:
      '8ab+IBU83nga6aNznUNEHr3OgN1L7I2raVomWNrhEElTFI1a3VvAz4mzvQbaYiaCY+WftHZrJnSiEgnbRYojDA==',
  },
} as const

describe('proofs that wallet applications made', () => {
  test.each(Object.entries(RECORDED))('%s', async (_, recorded) => {
    const { init, address, domain, timestamp, payload, signature } = recorded
    const state = beginCell().store(storeStateInit(init)).endCell()
    const proof: TonProof = {
      address,
      state_init: state.toBoc().toString('base64'),
      proof: {
        timestamp,
        domain: { lengthBytes: domain.length, value: domain },
        payload,
        signature,
      },
    }
    // Sound: a recorded payload stands in for one of ours.
    const asked = { domain, payload: payload as TonProofPayload, now: unixSeconds(timestamp + 60) }
    await verify(proof, asked)
    await expect(verify(proof, { ...asked, now: NOW })).rejects.toMatchObject({ code: 'stale' })
    const altered = withProof(proof, { timestamp: timestamp + 1 })
    await expect(verify(altered, asked)).rejects.toMatchObject({ code: 'forged' })
  })
})

describe('a ton_proof', () => {
  test.each(WALLET_VERSIONS)('of a wallet %s proves it, with nothing but its state', async (v) => {
    await verify(testWallet(v).prove(ASKED))
    await verify(testWallet(v, -1).prove(ASKED))
  })

  test('of a wallet that only the chain knows is proven by the chain’s word', async () => {
    const wallet = testWallet()
    const proof = withoutState(wallet.prove(ASKED))
    await expect(verify(proof)).rejects.toMatchObject({ code: 'key_unproven' })
    await verify(proof, { walletKey: wallet.signer.publicKey })
  })

  test('is not believed against the chain’s word on the key', async () => {
    const proof = testWallet().prove(ASKED)
    const walletKey = generateSigner('other').publicKey
    await expect(verify(proof, { walletKey })).rejects.toMatchObject({ code: 'forged' })
  })

  const wallet = testWallet()
  const good = wallet.prove(ASKED)
  const say = (said: { domain?: string; payload?: string; timestamp?: number }) =>
    wallet.prove({ ...ASKED, ...said })
  const otherPayload = (changes: object) =>
    tonProofPayload({ purpose: 'signIn', subject: SUBJECT, nonce: NONCE, ...changes })

  test.each([
    ['another site', say({ domain: 'gateway.example.evil' }), 'wrong_domain'],
    ['a site above ours', say({ domain: 'example' }), 'wrong_domain'],
    ['our site in another case', say({ domain: 'Gateway.example' }), 'wrong_domain'],
    [
      'another purpose (M17)',
      say({ payload: otherPayload({ purpose: 'hostWallet' }) }),
      'wrong_payload',
    ],
    [
      'another subject (M17)',
      say({ payload: otherPayload({ subject: SUBJECT.replace('0', '1') }) }),
      'wrong_payload',
    ],
    [
      'another nonce (M17)',
      say({ payload: otherPayload({ nonce: 'cd'.repeat(16) }) }),
      'wrong_payload',
    ],
    ['long ago', say({ timestamp: NOW - TON_PROOF_SECONDS - 1 }), 'stale'],
    ['in the future', say({ timestamp: NOW + TON_PROOF_SECONDS + 1 }), 'stale'],
    [
      'for another site, passed off as ours',
      withProof(say({ domain: 'evil.example' }), { domain: good.proof.domain }),
      'forged',
    ],
    [
      'for another purpose, passed off as this one',
      withProof(say({ payload: otherPayload({ purpose: 'orphanRefund' }) }), { payload: PAYLOAD }),
      'forged',
    ],
    [
      'long ago, passed off as new',
      withProof(say({ timestamp: NOW - 10_000 }), { timestamp: NOW }),
      'forged',
    ],
    ['by another key', withProof(good, testWallet().prove(ASKED).proof), 'forged'],
  ])('signed %s is refused', async (_, proof, code) => {
    await expect(verify(proof)).rejects.toMatchObject({ code })
  })

  test('with a length that is not the domain’s is refused', async () => {
    const domain = { value: DOMAIN, lengthBytes: DOMAIN.length + 1 }
    await expect(verify(withProof(good, { domain }))).rejects.toMatchObject({
      code: 'wrong_domain',
    })
  })

  test('of any wallet but the one that was asked is refused', async () => {
    const thief = testWallet()
    await expect(verify(thief.prove(ASKED), { wallet: wallet.address })).rejects.toMatchObject({
      code: 'wrong_wallet',
    })
    // The thief names the victim's wallet and shows its own state.
    const renamed = { ...thief.prove(ASKED), address: wallet.address }
    await expect(verify(renamed)).rejects.toMatchObject({ code: 'key_unproven' })
    // The thief shows the victim's state, which anybody knows.
    await expect(verify(withState(renamed, wallet.stateInit))).rejects.toMatchObject({
      code: 'forged',
    })
  })

  test('changed in any bit of its signature is refused', async () => {
    const bytes = Buffer.from(good.proof.signature, 'base64')
    for (let bit = 0; bit < 512; bit++) {
      const flipped = Buffer.from(bytes)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const proof = withProof(good, { signature: flipped.toString('base64') })
      await expect(verify(proof)).rejects.toMatchObject({ code: 'forged' })
    }
  })
})

describe('an initial state proves no key', () => {
  const signer = generateSigner('wallet')
  const publicKey = Buffer.from(signer.publicKey)
  const v4 = WalletContractV4.create({ workchain: 0, publicKey }).init
  const v5 = WalletContractV5R1.create({ publicKey }).init

  test('with code that is no known wallet’s: its data may hold any key', async () => {
    const code = beginCell().storeUint(7, 8).endCell()
    await expect(verify(walletOf({ code, data: v4.data }, signer).prove(ASKED))).rejects.toThrow(
      'no known key',
    )
  })

  test('with a W5 wallet whose key was off from the start', async () => {
    const bits = v5.data.beginParse().skip(1)
    const data = beginCell().storeBit(0).storeSlice(bits).endCell()
    const proof = walletOf({ code: v5.code, data }, signer).prove(ASKED)
    await expect(verify(proof)).rejects.toMatchObject({ code: 'key_unproven' })
  })

  test('with a key under which anybody can sign (C1)', async () => {
    const data = beginCell()
      .storeUint(0, 32)
      .storeUint(0, 32)
      .storeUint(0, 256)
      .storeBit(0)
      .endCell()
    const proof = walletOf({ code: v4.code, data }, signer).prove(ASKED)
    const forged = withProof(proof, { signature: Buffer.alloc(64).toString('base64') })
    await expect(verify(forged)).rejects.toMatchObject({ code: 'forged' })
  })

  const wallet = walletOf(v4, signer)
  const state = Cell.fromBase64(wallet.stateInit)
  const boc = (cell: Cell) => cell.toBoc().toString('base64')
  test.each([
    ['nothing', ''],
    ['no base64', '!!!!'],
    ['no cells', Buffer.alloc(64, 7).toString('base64')],
    ['too large', 'A'.repeat(100_000)],
    ['cut', wallet.stateInit.slice(0, -8)],
    ['a cell around it', boc(beginCell().storeRef(state).endCell())],
    ['with bits after it', boc(beginCell().storeSlice(state.beginParse()).storeBit(1).endCell())],
    ['its data alone', boc(v4.data)],
    [
      'without code',
      boc(
        beginCell()
          .store(storeStateInit({ data: v4.data }))
          .endCell(),
      ),
    ],
  ])('%s', (_, stateInit) => {
    // At the address that fits it, where there is one: the address check alone must not be what refuses.
    let address = wallet.address
    try {
      address = tonAddress(`0:${Cell.fromBase64(stateInit).hash().toString('hex')}`)
    } catch {
      // No cell, no address.
    }
    expect(keyOfWallet(address, stateInit)).toBeUndefined()
  })
})

describe('the payload', () => {
  test.each([
    ['a subject that could hold a separator', { subject: 'a/b' }],
    ['an empty subject', { subject: '' }],
    ['a short nonce', { nonce: 'ab' }],
    ['a nonce in another spelling', { nonce: NONCE.toUpperCase() }],
  ])('refuses %s', (_, changes) => {
    expect(() =>
      tonProofPayload({ purpose: 'signIn', subject: SUBJECT, nonce: NONCE, ...changes }),
    ).toThrow(RangeError)
  })

  test('with a keyset’s digest as subject fits a hardware wallet', () => {
    const subject = `sha256:${'ef'.repeat(32)}`
    const payload = tonProofPayload({ purpose: 'hostWallet', subject, nonce: NONCE })
    expect(payload.length).toBeLessThanOrEqual(128)
  })
})

describe('a proof as JSON', () => {
  const good = testWallet().prove(ASKED)
  test('is taken as wallets send it, the time as number or text', () => {
    expect(parseTonProof(good, 'proof')).toEqual(good)
    const spoken = { ...good, proof: { ...good.proof, timestamp: String(NOW) } }
    expect(parseTonProof(spoken, 'proof')).toEqual(good)
  })

  test.each([
    ['a key of its own choosing', { ...good, public_key: 'ab'.repeat(32) }],
    ['a short signature', withProof(good, { signature: 'AAAA' })],
    [
      'a friendly address',
      { ...good, address: 'EQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAM9c' },
    ],
    ['a negative time', withProof(good, { timestamp: -1 })],
    ['a time in another form', { ...good, proof: { ...good.proof, timestamp: '0x10' } }],
    ['a long payload', withProof(good, { payload: 'a'.repeat(129) })],
  ])('with %s is malformed', (_, proof) => {
    expect(() => parseTonProof(proof, 'proof')).toThrow(
      expect.objectContaining({ code: 'message_invalid' }),
    )
  })
})
