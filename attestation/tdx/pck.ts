import { type Bytes, hex } from '#base/bytes.ts'
import type { Certificate } from '../der/certificate.ts'
import { type DerNode, DerReader, readDer, TAG } from '../der/reader.ts'
import { boolean, enumerated, octets, oid, smallInteger } from '../der/values.ts'
import { AttestationError, demand } from '../errors.ts'

/** What Intel certifies about a platform in its provisioning certification key's certificate. */
export interface PckFacts {
  /** Platform provisioning id, 16 bytes, hex: the name of this machine. */
  readonly ppid: string
  /** 16 security versions of the platform's components. */
  readonly components: readonly number[]
  readonly pceSvn: number
  /** 2 bytes, hex. */
  readonly pceId: string
  /** Family, model, stepping, platform, custom SKU: 6 bytes, hex. Selects the TCB info. */
  readonly fmspc: string
  /** 0 standard, 1 scalable, 2 scalable with integrity; undefined when the certificate does not say. */
  readonly sgxType: number | undefined
  /** Multi-package platforms only. */
  readonly platform:
    | {
        readonly instanceId: string | undefined
        readonly dynamic: boolean | undefined
        readonly cachedKeys: boolean | undefined
        readonly smtEnabled: boolean | undefined
      }
    | undefined
}

/** OID of the SGX extension. @see Intel SGX PCK Certificate and CRL Profile, section 1.3.5 */
export const SGX_EXTENSION = '1.2.840.113741.1.13.1'

const MAX_BYTE = 255
const MAX_U16 = 65_535
const COMPONENTS = 16
const MAX_ENTRIES = 32

/** @throws AttestationError chain when there is no SGX extension, parse when it is malformed */
export function readPck(certificate: Certificate): PckFacts {
  const extension = certificate.extensions.get(SGX_EXTENSION)
  demand(extension !== undefined, 'chain', 'PCK certificate has no SGX extension')
  const fields = readEntries(readDer(extension.value, TAG.sequence), SGX_EXTENSION)
  const field = (suffix: string): DerNode => required(fields, `${SGX_EXTENSION}.${suffix}`)
  const sgxType = fields.get(`${SGX_EXTENSION}.5`)
  const instance = fields.get(`${SGX_EXTENSION}.6`)
  const configuration = fields.get(`${SGX_EXTENSION}.7`)
  return {
    ppid: hex(sized(field('1'), 16)),
    ...readTcb(field('2')),
    pceId: hex(sized(field('3'), 2)),
    fmspc: hex(sized(field('4'), 6)),
    sgxType: sgxType === undefined ? undefined : enumerated(sgxType, MAX_BYTE),
    platform:
      instance === undefined && configuration === undefined
        ? undefined
        : {
            instanceId: instance === undefined ? undefined : hex(sized(instance, 16)),
            ...readConfiguration(configuration),
          },
  }
}

/** A SEQUENCE of {OID, value}; every OID at most once and under `base`. */
function readEntries(node: DerNode, base: string): Map<string, DerNode> {
  demand(node.tag === TAG.sequence, 'parse', `${base} is not a sequence`)
  const reader = new DerReader(node.content)
  const entries = new Map<string, DerNode>()
  while (!reader.done) {
    const pair = reader.enter()
    const id = oid(pair.next())
    const value = pair.next()
    pair.end()
    demand(id.startsWith(`${base}.`), 'parse', `${id} inside ${base}`)
    demand(!entries.has(id), 'parse', `${id} appears twice`)
    entries.set(id, value)
    demand(entries.size <= MAX_ENTRIES, 'parse', 'too many SGX extension entries')
  }
  return entries
}

function required(entries: ReadonlyMap<string, DerNode>, id: string): DerNode {
  const node = entries.get(id)
  if (node === undefined) throw new AttestationError('parse', `SGX extension has no ${id}`)
  return node
}

function readTcb(node: DerNode): Pick<PckFacts, 'components' | 'pceSvn'> {
  const base = `${SGX_EXTENSION}.2`
  const entries = readEntries(node, base)
  demand(entries.size === COMPONENTS + 2, 'parse', `TCB of ${entries.size} entries`)
  const components = Array.from({ length: COMPONENTS }, (_, i) =>
    smallInteger(required(entries, `${base}.${i + 1}`), MAX_BYTE),
  )
  const pceSvn = smallInteger(required(entries, `${base}.17`), MAX_U16)
  sized(required(entries, `${base}.18`), COMPONENTS)
  return { components, pceSvn }
}

function readConfiguration(
  node: DerNode | undefined,
): Omit<NonNullable<PckFacts['platform']>, 'instanceId'> {
  const base = `${SGX_EXTENSION}.7`
  const entries = node === undefined ? new Map<string, DerNode>() : readEntries(node, base)
  const flag = (suffix: number): boolean | undefined => {
    const value = entries.get(`${base}.${suffix}`)
    return value === undefined ? undefined : boolean(value)
  }
  return { dynamic: flag(1), cachedKeys: flag(2), smtEnabled: flag(3) }
}

function sized(node: DerNode, length: number): Bytes {
  const bytes = octets(node)
  demand(bytes.length === length, 'parse', `SGX extension field of ${bytes.length} bytes`)
  return bytes
}
