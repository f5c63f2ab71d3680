import { beforeAll, describe, expect, test } from 'vitest'
import { type Bytes, fromUtf8, hex, utf8 } from '#base/bytes.ts'
import { makeSigner } from '#dev/forge/der.ts'
import { forgeNvidia, type NvidiaForge } from '#dev/forge/nvidia.ts'
import { certify, nvidiaName } from '#dev/forge/nvidia-pki.ts'
import { type RimFields, rimAnswer } from '#dev/forge/nvidia-rim.ts'
import { AttestationError } from '../../errors.ts'
import {
  entry,
  failed,
  NONCE,
  NOW,
  random,
  verdictOf,
  withEntries,
} from '../../testing/gpu-verdict.ts'
import { canonicalize } from './canonicalize.ts'
import { parseRimManifest } from './manifest.ts'
import { openRimAnswer } from './service.ts'
import { verifyXmlSignature } from './signature.ts'
import { parseXml } from './xml.ts'

let forge: NvidiaForge

beforeAll(async () => {
  forge = await forgeNvidia({ random, now: NOW })
})

/** Parses a driver manifest and verifies its signature: "good", or the code under which it is refused. */
async function outcomeOf(fields: Partial<RimFields>): Promise<string> {
  return outcomeOfXml(await forge.rim('driver', fields))
}

async function outcomeOfXml(xml: Bytes): Promise<string> {
  try {
    const manifest = parseRimManifest(xml)
    await verifyXmlSignature(manifest.root, manifest.signature)
    return 'good'
  } catch (error) {
    if (error instanceof AttestationError) return error.code
    throw error
  }
}

const replace = (from: string | RegExp, to: string) => (xml: string) => {
  const edited = xml.replace(from, to)
  if (edited === xml) throw new Error('nothing replaced')
  return edited
}

describe('a signed manifest', () => {
  test('is good as NVIDIA writes it', async () => {
    expect(await outcomeOf({})).toBe('good')
    const manifest = parseRimManifest(await forge.rim('driver'))
    expect(manifest).toMatchObject({ version: '595.71.05', product: 'GH100', edition: 'GPU' })
    expect(manifest.active.map(({ index }) => index)).toEqual([
      7, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41,
    ])
  })

  test.each([
    ['an inactive hash', replace(/(index="0"[^>]*Hash0=")0/, '$11')],
    ['an active measurement switched off', replace('active="True"', 'active="False"')],
    ['an inactive one switched on', replace('active="False"', 'active="True"')],
    ['the version', replace('colloquialVersion="595', 'colloquialVersion="596')],
    ['white space between elements', replace('    </ns0:Payload>', '   </ns0:Payload>')],
    ['the digest', replace(/<ds:DigestValue>./, '<ds:DigestValue>_')],
    ['the signature value', replace(/(<ds:SignatureValue>)(.)/, '$1A')],
    ['an attribute added', replace('corpus="false"', 'corpus="false" patch="false"')],
  ])('with %s altered is refused', async (_, tamper) => {
    expect(await outcomeOf({ tamper })).toBe('rim-signature')
  })

  test('means the same however its tags are written', async () => {
    const spread = replace(/ active="/g, '\n\tactive="')
    expect(await outcomeOf({ tamper: spread })).toBe('good')
    expect(await outcomeOf({ tamper: replace(/><\/ns0:Resource>/g, '/>') })).toBe('good')
    expect(await outcomeOf({ tamper: (xml) => `\n ${xml}\n` })).toBe('good')
  })

  test('that demands nothing is no reference', async () => {
    const off = (xml: string): string => xml.replaceAll('active="True"', 'active="False"')
    expect(await outcomeOf({ edit: off })).toBe('rim-mismatch')
    expect(await outcomeOf({ resources: [] })).toBe('rim-mismatch')
  })

  test('accepts hashes in upper case', async () => {
    const edit = (xml: string): string =>
      xml.replace(/Hash0="[0-9a-f]+"/g, (hash) =>
        hash.replace(/"[^"]+"/, (text) => text.toUpperCase()),
      )
    expect(await outcomeOf({ edit })).toBe('good')
  })
})

describe('signature wrapping', () => {
  const payload = '<ns0:Payload></ns0:Payload>'

  test.each([
    ['a second Payload beside the signed one', replace('<ds:Signature', `${payload}<ds:Signature`)],
    ['a Payload before the signed one', replace('    <ns0:Payload', `${payload}    <ns0:Payload`)],
    [
      'a Resource beside the Payload',
      replace('<ds:Signature', '<ns0:Resource></ns0:Resource><ds:Signature'),
    ],
    [
      'a Payload hidden in the signature',
      replace('<ds:KeyInfo>', `<ds:Object>${payload}</ds:Object><ds:KeyInfo>`),
    ],
    ['a second document after the first', (xml: string) => `${xml}${xml}`],
    [
      'the document wrapped in another root',
      (xml: string) =>
        `<SoftwareIdentity xmlns="http://standards.iso.org/iso/19770/-2/2015/schema.xsd" name="GH100">${xml}</SoftwareIdentity>`,
    ],
    ['the signature moved into the Payload', (xml: string) => moveSignature(xml)],
    [
      'a second signature',
      (xml: string) => xml.replace(/(<ds:Signature .*<\/ds:Signature>)/s, '$1$1'),
    ],
    ['a reference to a part by id', replace('URI=""', 'URI="#signed"')],
    ['no reference URI', replace('<ds:Reference URI="">', '<ds:Reference>')],
    [
      'a second reference',
      (xml: string) => xml.replace(/(<ds:Reference .*<\/ds:Reference>)/s, '$1$1'),
    ],
    [
      'a key without a certificate',
      replace('<ds:X509Data>', '<ds:KeyValue></ds:KeyValue><ds:X509Data>'),
    ],
    [
      'a key in the place of the certificates',
      (xml: string) =>
        xml.replace(/<ds:X509Data>.*<\/ds:X509Data>/s, '<ds:KeyValue></ds:KeyValue>'),
    ],
    [
      'an XPath transform',
      replace(
        /<ds:Transform Algorithm="[^"]*enveloped-signature">/,
        '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116">',
      ),
    ],
    [
      'a third transform',
      replace(
        '</ds:Transforms>',
        '<ds:Transform Algorithm="http://www.w3.org/2006/12/xml-c14n11"></ds:Transform></ds:Transforms>',
      ),
    ],
    [
      'exclusive canonicalisation with comments',
      replace(/xml-c14n11/, 'xml-exc-c14n#WithComments'),
    ],
    ['an RSA signature method', replace('xmldsig-more#ecdsa-sha384', 'xmldsig-more#rsa-sha384')],
    [
      'an HMAC signature method',
      replace(
        'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384',
        'http://www.w3.org/2000/09/xmldsig#hmac-sha1',
      ),
    ],
    [
      'a SHA-256 digest',
      replace(
        'http://www.w3.org/2001/04/xmldsig-more#sha384',
        'http://www.w3.org/2001/04/xmlenc#sha256',
      ),
    ],
    ['text inside the signature', replace('<ds:SignedInfo>', 'x<ds:SignedInfo>')],
    ['an attribute on the signature', replace('<ds:Signature ', '<ds:Signature Id="a" ')],
  ])('%s is refused', async (_, tamper) => {
    expect(await outcomeOf({ tamper })).toMatch(/^(parse|rim-signature)$/)
  })

  function moveSignature(xml: string): string {
    const signature = /<ds:Signature .*<\/ds:Signature>/s.exec(xml)?.[0] ?? ''
    return xml.replace(signature, '').replace('</ns0:Payload>', `${signature}</ns0:Payload>`)
  }

  // Signed by the genuine key, so that only the form stands between it and being believed.
  test.each([
    ['a reference to a part by id', replace('URI=""', 'URI="#signed"')],
    ['no reference URI', replace(' URI=""', '')],
    ['another canonicalisation', replace('c14n11"', 'c14n11#WithComments"')],
    ['another signature method', replace('ecdsa-sha384', 'ecdsa-sha512')],
    ['another digest method', replace('more#sha384', 'more#sha224')],
    ['another transform', replace('enveloped-signature', 'base64')],
    ['no second transform', replace(/<ds:Transform Algorithm="[^"]*c14n11"><\/ds:Transform>/, '')],
    [
      'an Object beside the reference',
      replace('</ds:SignedInfo>', '<ds:Object></ds:Object></ds:SignedInfo>'),
    ],
    ['parameters of a transform', replace('enveloped-signature">', 'enveloped-signature"> ')],
  ])('%s, genuinely signed, is refused', async (_, info) => {
    expect(await outcomeOf({ info })).toBe('parse')
  })

  test('a signature inside what is signed is refused', async () => {
    const edit = replace('</ns0:Entity>', '<Signature></Signature></ns0:Entity>')
    expect(await outcomeOf({ edit })).toBe('rim-signature')
  })

  test('a Payload of another namespace is not taken for the signed one', async () => {
    const edit = replace('<ns0:Payload>', '<ns2:Payload>')
    const close = (xml: string): string => edit(xml).replace('</ns0:Payload>', '</ns2:Payload>')
    expect(await outcomeOf({ edit: close })).toBe('parse')
  })

  test('a prefix declared again inside the signed root changes what is signed', async () => {
    const tamper = replace('<ns0:Payload>', '<ns0:Payload xmlns:ns9="http://a.example">')
    expect(await outcomeOf({ tamper })).toBe('rim-signature')
  })
})

describe('XML outside the subset', () => {
  test.each([
    ['a DOCTYPE', (xml: string) => `<!DOCTYPE SoftwareIdentity>${xml}`],
    [
      'an external entity',
      (xml: string) => `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>${xml}`,
    ],
    ['an XML declaration', (xml: string) => `<?xml version="1.0"?>${xml}`],
    ['a processing instruction', replace('<ns0:Payload>', '<ns0:Payload><?a b?>')],
    ['a comment', replace('<ns0:Payload>', '<ns0:Payload><!-- a -->')],
    ['a comment in a hash', replace(/Hash0="00/, 'Hash0="0<!-- -->0')],
    ['CDATA', replace('<ns0:Payload>', '<ns0:Payload><![CDATA[ ]]>')],
    ['an entity in an attribute', replace('name="GH100"', 'name="GH&#49;00"')],
    ['an entity in text', replace('<ns0:Payload>', '<ns0:Payload>&#32;')],
    ['single quotes', replace('corpus="false"', "corpus='false'")],
    ['an attribute twice', replace('corpus="false"', 'corpus="false" corpus="false"')],
    [
      'an attribute twice by namespace',
      replace(
        'ns2:Hash0="',
        'a:Hash0="" xmlns:a="http://www.w3.org/2001/04/xmlenc#sha384" ns2:Hash0="',
      ),
    ],
    ['a prefix declared twice', replace(' xmlns:ns2=', ' xmlns:ns2="http://a.example" xmlns:ns2=')],
    ['an undeclared prefix', replace('corpus="false"', 'a:corpus="false"')],
    ['the xml prefix', replace('corpus="false"', 'xml:lang="en"')],
    ['an empty namespace', replace('<ns0:Payload>', '<ns0:Payload xmlns:a="">')],
    ['an un-declared default namespace', replace('<ns0:Payload>', '<ns0:Payload xmlns="">')],
    ['a relative namespace', replace('<ns0:Payload>', '<ns0:Payload xmlns:a="b">')],
    ['a carriage return', replace('\n', '\r\n')],
    ['a line feed in an attribute', replace('name="GH100"', 'name="GH100\n"')],
    ['a NUL', replace('GH100', 'GH\x080')],
    ['a letter outside ASCII', replace('softwareCreator', 'softwareCreatör')],
    ['tags that do not nest', replace('</ns0:Payload>', '</ns0:Meta>')],
    ['an open end', (xml: string) => xml.slice(0, -1)],
    ['text after the root', (xml: string) => `${xml}a`],
    ['nothing', () => ''],
    ['deep nesting', () => '<a>'.repeat(17) + '</a>'.repeat(17)],
    ['a tag without a name', () => '<>'],
  ])('%s is refused', async (_, tamper) => {
    expect(await outcomeOf({ tamper })).toBe('parse')
  })

  test('too large, too many elements, ill-formed UTF-8', async () => {
    expect(await outcomeOfXml(new Uint8Array(262_145))).toBe('too-large')
    expect(await outcomeOfXml(utf8(`<a>${'<b/>'.repeat(4_096)}</a>`))).toBe('parse')
    expect(await outcomeOfXml(Uint8Array.of(0x3c, 0xff))).toBe('parse')
  })
})

describe('the body of a manifest', () => {
  test.each([
    ['a measurement listed twice', replace('index="1"', 'index="0"')],
    ['alternatives that are not all there', replace('alternatives="1"', 'alternatives="2"')],
    [
      'more hashes than alternatives',
      replace(/(Hash0="[^"]*")/, `$1 ns2:Hash1="${'00'.repeat(48)}"`),
    ],
    ['no alternative', replace(/alternatives="1"( index="0")/, 'alternatives="0"$1')],
    ['another size', replace('size="48"', 'size="32"')],
    ['a short hash', replace(/Hash0="00/, 'Hash0="')],
    ['a hash that is not hex', replace(/Hash0="0/, 'Hash0="g')],
    ['another resource type', replace('type="Measurement"', 'type="Other"')],
    ['an unknown state', replace('active="True"', 'active="true"')],
    ['an index that is no number', replace('index="0"', 'index="00"')],
    ['an index above 255', replace('index="63"', 'index="256"')],
    ['a measurement with content', replace('></ns0:Resource>', '> </ns0:Resource>')],
    ['text in the payload', replace('<ns0:Payload>', '<ns0:Payload>x')],
  ])('with %s is refused though signed', async (_, edit) => {
    expect(await outcomeOf({ edit })).toBe('parse')
  })

  test.each([
    ['another creator', replace('Entity name="NVIDIA', 'Entity name="ACME')],
    ['another manufacturer', replace('ManufacturerId="5703"', 'ManufacturerId="1"')],
    ['two products', replace('name="GH100"', 'name="GB100"')],
  ])('of %s is refused though signed', async (_, edit) => {
    expect(await outcomeOf({ edit })).toBe('rim-mismatch')
  })
})

describe('the signer', () => {
  async function failuresOf(fields: Partial<RimFields>, now = NOW): Promise<string[]> {
    const id = forge.rimId('driver')
    const rim = await rimAnswer(id, await forge.rim('driver', fields))
    const given = withEntries(await forge.collateral(now), [entry(`nvidia/rim/${id}`, rim)])
    const evidence = await forge.evidence({ nonce: NONCE })
    return failed((await verdictOf(forge, evidence, given, { now })).checks)
  }

  test('must chain to the pinned root', async () => {
    const stranger = await forgeNvidia({ random, now: NOW })
    const { rimSigner, rimL3, rimCa, rimRoot } = stranger.authorities
    const chain = [rimSigner, rimL3, rimCa, rimRoot].map(({ der }) => der)
    expect(await failuresOf({ chain, signer: rimSigner.signer })).toEqual(['rim.chain rim-chain'])
    expect(await failuresOf({ chain: chain.slice(0, 1), signer: rimSigner.signer })).toEqual([
      'rim.chain rim-chain',
    ])
  })

  test('must be the chain’s first: another certificate of it, or another key, is refused', async () => {
    const { rimSigner, rimL3, rimCa, rimRoot } = forge.authorities
    expect(await failuresOf({ signer: rimL3.signer })).toEqual(['rim.signature rim-signature'])
    expect(await failuresOf({ signer: await makeSigner('ecdsa-p384-sha384') })).toEqual([
      'rim.signature rim-signature',
    ])
    const reversed = [rimRoot, rimCa, rimL3, rimSigner].map(({ der }) => der)
    expect(await failuresOf({ chain: reversed })).toEqual(['rim.chain rim-chain'])
  })

  test('must not be an authority', async () => {
    const { rimL3, rimCa, rimRoot } = forge.authorities
    const chain = [rimL3, rimCa, rimRoot].map(({ der }) => der)
    expect(await failuresOf({ chain, signer: rimL3.signer })).toEqual(['rim.chain rim-chain'])
  })

  test('must be of the RIM root: a good device chain signs no manifest', async () => {
    const [device] = forge.devices
    if (device === undefined) throw new Error('no device')
    const { provisioner, identity, deviceRoot } = forge.authorities
    const links = [device.leaf, device.bootRom, provisioner, identity, deviceRoot]
    const fields = { chain: links.map(({ der }) => der), signer: device.leaf.signer }
    expect(await failuresOf(fields)).toEqual(['rim.chain rim-chain'])
  })

  test('must not have ended: signers live two years', async () => {
    const { rimL3, rimCa, rimRoot } = forge.authorities
    const old = await certify(
      { subject: nvidiaName('HCC RIM L4 Signer'), ca: false, now: NOW - 63_072_000, years: 1 },
      rimL3,
      random,
    )
    const chain = [old, rimL3, rimCa, rimRoot].map(({ der }) => der)
    expect(await failuresOf({ chain, signer: old.signer })).toEqual(['rim.chain expired'])
  })
})

describe('the RIM service’s answer', () => {
  async function codeOf(body: Bytes, id = 'A'): Promise<string> {
    try {
      return hex(await openRimAnswer(body, id))
    } catch (error) {
      if (error instanceof AttestationError) return error.code
      throw error
    }
  }

  test('must be of the id that was asked for, and whole', async () => {
    const xml = utf8('<a/>')
    expect(await codeOf(await rimAnswer('A', xml))).toBe(hex(xml))
    expect(await codeOf(await rimAnswer('B', xml))).toBe('rim-mismatch')
    expect(await codeOf(await rimAnswer('A', xml, { sha256: '00'.repeat(32) }))).toBe(
      'rim-signature',
    )
    expect(await codeOf(await rimAnswer('A', xml, { sha256: 'x' }))).toBe('parse')
    expect(await codeOf(await rimAnswer('A', xml, { rim: '*' }))).toBe('parse')
    expect(await codeOf(utf8('[]'))).toBe('parse')
    expect(await codeOf(utf8('{'))).toBe('parse')
  })
})

describe('canonical form', () => {
  test('sorts attributes by namespace and name, and renders each namespace where it first appears', () => {
    const root = parseXml(
      utf8(
        '<b:a xmlns="http://d" xmlns:c="http://a" xmlns:b="http://b" z="1" c:y="2" b:x="3" a="4" ><c xmlns:c="http://a" /></b:a>',
      ),
    )
    expect(canonicalize(root)).toBe(
      '<b:a xmlns="http://d" xmlns:b="http://b" xmlns:c="http://a" a="4" z="1" c:y="2" b:x="3"><c></c></b:a>',
    )
    const [child] = root.children
    if (child === undefined || typeof child === 'string') throw new Error('no child')
    // An apex carries every namespace in its scope.
    expect(canonicalize(child)).toBe(
      '<c xmlns="http://d" xmlns:b="http://b" xmlns:c="http://a"></c>',
    )
    expect(canonicalize(root, child)).not.toContain('<c')
  })

  test('renders a prefix again when it changes its meaning', () => {
    const root = parseXml(
      utf8('<a xmlns:p="http://1"><b xmlns:p="http://2"><c xmlns:p="http://1"/></b></a>'),
    )
    expect(canonicalize(root)).toBe(
      '<a xmlns:p="http://1"><b xmlns:p="http://2"><c xmlns:p="http://1"></c></b></a>',
    )
  })

  test('of forged manifests is the text that was signed', async () => {
    const xml = fromUtf8(await forge.rim('driver'))
    const root = parseXml(utf8(xml))
    const signature = root.children.find(
      (one) => typeof one !== 'string' && one.local === 'Signature',
    )
    if (signature === undefined || typeof signature === 'string') throw new Error('unsigned')
    expect(canonicalize(root, signature)).toBe(xml.replace(/<ds:Signature .*<\/ds:Signature>/s, ''))
  })
})
