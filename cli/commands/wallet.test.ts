import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestRunner } from '#gateway/testing/test-runner.ts'
import { startTestWorld, type TestWorld } from '#gateway/testing/world.ts'
import { type Desk, openDesk } from '../testing/run-command.ts'
import { wallet } from './wallet.ts'

let world: TestWorld
let desk: Desk
let payee = ''

beforeAll(async () => {
  world = await startTestWorld({ hostProof: 'required' })
  desk = openDesk()
  await desk.run(wallet, 'new --out host.txt')
  const env = { TON_ENDPOINT: world.config.chain.endpoint }
  const { out } = await desk.run(wallet, 'show --wallet host.txt', env)
  payee = /\((0:[0-9a-f]{64})\)/.exec(out)?.[1] ?? ''
})
afterAll(async () => {
  desk.close()
  await world.close()
})

const register = () => startTestRunner(world, { payee })

test('a host is paid only at a wallet that has shown who controls it (H2)', async () => {
  await expect(register()).rejects.toThrow('has not shown who controls it')
  const line = `prove --gateway ${world.gateway.origin} --wallet host.txt`
  expect(await desk.run(wallet, line)).toMatchObject({
    code: 0,
    out: expect.stringContaining(payee),
  })
  const runner = await register()
  await runner.close()
})

test('a proof is good for its own wallet and gateway alone', async () => {
  const url = `${world.gateway.origin}/v1/hosts/${payee}/proof`
  const asked = await (await fetch(url)).json()
  expect(asked).toMatchObject({ address: payee, required: true })
  expect(asked.proven_at).toBeGreaterThan(0)
  const proof = {
    address: payee,
    proof: {
      timestamp: Math.floor(Date.now() / 1000),
      domain: { lengthBytes: asked.domain.length, value: asked.domain },
      payload: asked.payload,
      signature: `${'A'.repeat(86)}==`,
    },
  }
  const post = async (body: unknown) => {
    const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) })
    return [response.status, (await response.json()).error?.code]
  }
  expect(await post(proof)).toEqual([403, 'signature_invalid'])
  const madeUp = { ...proof.proof, payload: asked.payload.replace(/.{32}$/, '0'.repeat(32)) }
  expect(await post({ ...proof, proof: madeUp })).toEqual([400, 'invalid_challenge'])
  const other = `${world.gateway.origin}/v1/hosts/0:${'5a'.repeat(32)}/proof`
  const { payload } = await (await fetch(other)).json()
  expect(await post({ ...proof, proof: { ...proof.proof, payload } })).toEqual([
    400,
    'invalid_challenge',
  ])
  expect(await post({})).toEqual([400, 'invalid_request'])
  expect((await fetch(`${world.gateway.origin}/v1/hosts/nobody/proof`)).status).toBe(400)
})
