import fc from 'fast-check'
import { fromUtf8, utf8 } from '#base/bytes.ts'
import { forgeNvidia } from '#dev/forge/nvidia.ts'
import { AttestationError } from '../errors.ts'
import { parseRimManifest, type RimManifest } from '../nvidia/rim/manifest.ts'
import { verifyXmlSignature } from '../nvidia/rim/signature.ts'
import { NOW, random } from './gpu-verdict.ts'

/** Pieces that make a difference to XML parsers: what an attacker would splice in. */
const PIECES = [
  '<!-- -->',
  '<?a?>',
  '<![CDATA[ ]]>',
  '<!DOCTYPE a>',
  '&amp;',
  '&#48;',
  '\r',
  '\t',
  ' ',
  '\n',
  '<ns0:Payload></ns0:Payload>',
  '<ns0:Resource/>',
  ' xmlns:ns0="http://a.example"',
  ' xmlns="http://a.example"',
  ' active="True"',
  ' index="0"',
  '"',
  "'",
  '<',
  '>',
  '/>',
  '</ns0:Payload>',
  '</SoftwareIdentity>',
  '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#">',
  'é',
  '',
]

/**
 * Splices a signed manifest at random: whatever still verifies must say exactly what was signed.
 * @returns how many of the spliced documents still verified (white space between attributes may change)
 */
export async function fuzzManifest(runs: number): Promise<number> {
  const forge = await forgeNvidia({ random, now: NOW })
  const original = fromUtf8(await forge.rim('vbios'))
  const said = saysOf(parseRimManifest(utf8(original)))
  let verified = 0
  const splice = fc.record({
    at: fc.integer({ min: 0, max: original.length }),
    cut: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 80 })),
    piece: fc.constantFrom(...PIECES),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(splice, { minLength: 1, maxLength: 3 }), async (splices) => {
      const xml = splices.reduce(
        (text, { at, cut, piece }) => text.slice(0, at) + piece + text.slice(at + cut),
        original,
      )
      try {
        const manifest = parseRimManifest(utf8(xml))
        await verifyXmlSignature(manifest.root, manifest.signature)
        if (saysOf(manifest) !== said) throw new Error(`verified, and says something else: ${xml}`)
        verified += 1
      } catch (error) {
        if (!(error instanceof AttestationError)) throw error
      }
    }),
    { numRuns: runs },
  )
  return verified
}

function saysOf({ version, product, edition, active }: RimManifest): string {
  const values = active.map(({ index, alternatives }) => [index, alternatives.map(String)])
  return JSON.stringify([version, product, edition, values])
}
