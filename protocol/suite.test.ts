import * as noble from '@panva/hpke-noble'
import * as hpke from 'hpke'
import { describe, expect, test } from 'vitest'
import { utf8 } from '#base/bytes.ts'
import { nodeProvider } from './node.ts'
import { generateSealingKey, SUITE_FACTS, suiteByEncLength } from './suite.ts'
import { webProvider } from './web.ts'

const LIBRARY = {
  'ehbp-x25519': hpke.KEM_DHKEM_X25519_HKDF_SHA256,
  'ehbp-mlkem768-x25519': noble.KEM_MLKEM768_X25519,
} as const
const info = utf8('suite test')
const label = utf8('export')

describe.each(SUITE_FACTS)('suite $name', ({ name, encLength, publicKeyLength, kemId }) => {
  test('has the sizes that pick it on the wire', () => {
    for (const provider of [nodeProvider, webProvider]) {
      const { hpke: suite } = provider.suites[name]
      expect([suite.KEM.id, suite.KEM.Nenc, suite.KEM.Npk]).toEqual([
        kemId,
        encLength,
        publicKeyLength,
      ])
      expect([suite.KDF.id, suite.AEAD.id]).toEqual([1, 2])
      expect(suiteByEncLength(provider.suites, encLength).name).toBe(name)
    }
  })

  test.each([
    ['node', 'web', nodeProvider, webProvider],
    ['web', 'node', webProvider, nodeProvider],
    ['node', 'node', nodeProvider, nodeProvider],
  ] as const)('sealed by %s opens on %s with equal exports', async (_, __, sender, recipient) => {
    const key = await generateSealingKey(recipient.suites[name])
    const suite = sender.suites[name].hpke
    const publicKey = await suite.DeserializePublicKey(key.publicKey)
    const { encapsulatedSecret, ctx } = await suite.SetupSender(publicKey, { info })
    const sealed = await ctx.Seal(utf8('hello'), utf8('aad'))
    const opened = await recipient.suites[name].hpke.SetupRecipient(key.pair, encapsulatedSecret, {
      info,
    })
    expect(Buffer.from(await opened.Open(sealed, utf8('aad'))).toString()).toBe('hello')
    expect(Buffer.from(await opened.Export(label, 80))).toEqual(
      Buffer.from(await ctx.Export(label, 80)),
    )
  })

  test('derives the same key pair from the same input as the library does', async () => {
    const library = new hpke.CipherSuite(LIBRARY[name], hpke.KDF_HKDF_SHA256, hpke.AEAD_AES_256_GCM)
    const ours = nodeProvider.suites[name].hpke
    const ikm = new Uint8Array(32).fill(7)
    const [a, b] = [await library.DeriveKeyPair(ikm, true), await ours.DeriveKeyPair(ikm, true)]
    expect(Buffer.from(await ours.SerializePublicKey(b.publicKey))).toEqual(
      Buffer.from(await library.SerializePublicKey(a.publicKey)),
    )
    const secret = await ours.SerializePrivateKey(b.privateKey)
    expect(Buffer.from(secret)).toEqual(
      Buffer.from(await library.SerializePrivateKey(a.privateKey)),
    )
    const again = await ours.DeserializePrivateKey(secret, true)
    expect(await ours.SerializePrivateKey(again)).toEqual(secret)
  })

  test('keeps the private half of a generated key inside', async () => {
    for (const provider of [nodeProvider, webProvider]) {
      const key = await generateSealingKey(provider.suites[name])
      await expect(key.suite.hpke.SerializePrivateKey(key.pair.privateKey)).rejects.toThrow()
    }
  })

  test('a public key of small order or of another length is refused', async () => {
    const suite = nodeProvider.suites[name].hpke
    const raw = (await generateSealingKey(nodeProvider.suites[name])).publicKey
    await expect(suite.DeserializePublicKey(raw.subarray(1))).rejects.toThrow()
    const weak = new Uint8Array(raw).fill(0, publicKeyLength - 32)
    const sealing = suite.DeserializePublicKey(weak).then((key) => suite.SetupSender(key, { info }))
    await expect(sealing).rejects.toThrow()
  })
})

test('no suite has an encapsulated key of another length', () => {
  for (const length of [0, 31, 33, 1119, 1121]) {
    expect(() => suiteByEncLength(nodeProvider.suites, length)).toThrow(
      expect.objectContaining({ code: 'suite_unsupported' }),
    )
  }
})
