import { describe, expect, test } from 'vitest'
import { accountIdOf } from '#contracts/pure'
import { signInStatement } from '#protocol'
import { generateSigner, nodeProvider } from '#protocol/node'
import { testWallet } from '../accounts/testing/wallets.ts'
import { hexOf, randomBytes } from '../testing/world.ts'
import { call, chat, codeOf, json, useGateway } from './testing/key-calls.ts'

const at = useGateway()

/** An account of this owner's keys, opened as such. */
async function openFor(keys: { owner?: string; owner_key?: string }): Promise<string> {
  const salt = randomBytes(16)
  const id = await accountIdOf(
    {
      owner: keys.owner ?? null,
      ownerKey:
        keys.owner_key === undefined ? null : new Uint8Array(Buffer.from(keys.owner_key, 'hex')),
      spendKey: null,
      salt,
    },
    'managed',
    async (bytes) => nodeProvider.hashes.sha256(bytes),
  )
  await at.world.ledger.commit([
    {
      op: 'open_account',
      account: id,
      mode: 'managed',
      keys: JSON.stringify({ ...keys, salt: hexOf(salt) }),
      at: Date.now() as never,
    },
  ])
  return id
}

describe('an owner who lost the keys', () => {
  const challenge = (account: string) =>
    json(call('POST', '/v1/auth/challenge', { body: { account } }))
  const session = (body: object) => call('POST', '/v1/auth/session', { body })

  test('signs in with the owner key, and the session makes keys but serves no inference', async () => {
    const owner = generateSigner('owner')
    const account = await openFor({ owner_key: hexOf(owner.publicKey) })
    const { nonce } = await challenge(account)
    const gateway = at.world.gateway.origin
    const signature = hexOf(owner.sign(signInStatement({ gateway, account, nonce })))
    const answer = await json(session({ account, nonce, signature }))
    expect(answer).toMatchObject({ account, token_type: 'Bearer' })
    const key = answer.token
    const made = await json(call('POST', '/v1/keys', { key, body: { role: 'admin' } }))
    expect((await call('GET', '/v1/account', { key: made.key })).status).toBe(200)
    expect(await codeOf(chat(key))).toEqual([401, 'invalid_api_key'])
    expect(await codeOf(call('GET', '/v1/key', { key }))).toEqual([404, 'key_not_found'])
    // The nonce is used up, also after a restart.
    await at.world.restart()
    expect(await codeOf(session({ account, nonce, signature }))).toEqual([400, 'invalid_request'])
    // A session outlives the restart, until its time.
    expect((await call('GET', '/v1/keys', { key })).status).toBe(200)
    const cut = `${key.slice(0, -4)}AAAA`
    expect(await codeOf(call('GET', '/v1/keys', { key: cut }))).toEqual([401, 'invalid_api_key'])
  })

  test('signs in with the wallet that owns the account (M17)', async () => {
    const wallet = testWallet()
    const account = await openFor({ owner: wallet.address })
    const { nonce, ton_proof } = await challenge(account)
    expect(ton_proof.domain).toBe(new URL(at.world.gateway.origin).host)
    const timestamp = Math.floor(Date.now() / 1000)
    const proof = wallet.prove({ ...ton_proof, timestamp })
    const thief = testWallet().prove({ ...ton_proof, timestamp })
    expect(await codeOf(session({ account, nonce, ton_proof: thief }))).toEqual([
      403,
      'signature_invalid',
    ])
    const phished = wallet.prove({ ...ton_proof, domain: 'phish.example', timestamp })
    expect(await codeOf(session({ account, nonce, ton_proof: phished }))).toEqual([
      403,
      'signature_invalid',
    ])
    const { token } = await json(session({ account, nonce, ton_proof: proof }))
    expect((await call('GET', '/v1/keys', { key: token })).status).toBe(200)
    expect(await codeOf(session({ account, nonce, ton_proof: proof }))).toEqual([
      400,
      'invalid_request',
    ])
  })

  test('gets nothing with a nonce of another account, of nobody, or for an account that nobody opened', async () => {
    const owner = generateSigner('owner')
    const account = await openFor({ owner_key: hexOf(owner.publicKey) })
    const other = await openFor({ owner_key: hexOf(generateSigner('other').publicKey) })
    const gateway = at.world.gateway.origin
    const sign = (nonce: string) => hexOf(owner.sign(signInStatement({ gateway, account, nonce })))
    const { nonce } = await challenge(other)
    for (const made of [nonce, 'ab'.repeat(16)]) {
      const body = { account, nonce: made, signature: sign(made) }
      expect(await codeOf(session(body))).toEqual([400, 'invalid_request'])
    }
    const own = await challenge(account)
    expect(await codeOf(session({ account, nonce: own.nonce }))).toEqual([403, 'signature_invalid'])
    const unknown = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
    const asked = await challenge(unknown)
    const body = { account: unknown, nonce: asked.nonce, signature: sign(asked.nonce) }
    expect(await codeOf(session(body))).toEqual([403, 'signature_invalid'])
  })
})
