import { expect, test } from 'vitest'
import { accountMode } from '#contracts/pure'
import { newAccountOwner, ownerFromJson, ownerToJson, signAccountRequest } from './account-owner.ts'

const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))

test('an account file holds all that its owner needs, and its id follows from its keys', async () => {
  const owner = await newAccountOwner({ mode: 'sovereign', random })
  expect(accountMode(owner.id)).toBe('sovereign')
  const json = JSON.parse(JSON.stringify(ownerToJson(owner)))
  expect(await ownerFromJson(json)).toEqual(owner)
})

test('a file whose id was swapped for another account is refused', async () => {
  const [mine, other] = await Promise.all(
    [0, 1].map(() => newAccountOwner({ mode: 'managed', random })),
  )
  if (mine === undefined || other === undefined) throw new Error('unreachable')
  await expect(ownerFromJson({ ...ownerToJson(mine), account: other.id })).rejects.toThrow(
    RangeError,
  )
  await expect(ownerFromJson({ ...ownerToJson(mine), mode: 'sovereign' })).rejects.toThrow(
    RangeError,
  )
  await expect(ownerFromJson(null)).rejects.toThrow(RangeError)
})

test('an account request never carries a secret', async () => {
  const owner = await newAccountOwner({ mode: 'managed', random })
  const request = await signAccountRequest(owner, { gateway: 'http://g', random, nowSeconds: 1 })
  const text = JSON.stringify(request)
  expect(text).not.toContain(ownerToJson(owner).owner_secret)
  expect(Object.keys(request).sort()).toEqual(['issued_at', 'keys', 'mode', 'nonce', 'signature'])
})
