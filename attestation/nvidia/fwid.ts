import type { Bytes } from '#base/bytes.ts'
import type { Certificate } from '../der/certificate.ts'
import { contextTag, DerReader, readDer, TAG } from '../der/reader.ts'
import { octets, oid, smallInteger } from '../der/values.ts'
import { demand } from '../errors.ts'

/** TCG CompositeDeviceID: Hopper and LS10. */
const COMPOSITE_DEVICE_ID = '2.23.133.5.4.1'
/** TCG DICE TcbInfo: Blackwell. */
const TCB_INFO = '2.23.133.5.4.1.1'
const SHA384 = '2.16.840.1.101.3.4.2.2'
const FWIDS = 6
const FWID_BYTES = 48

/**
 * The digest of the firmware that a device certificate was issued to; undefined when the certificate says none.
 * @see TCG DICE Attestation Architecture section 6.1
 */
export function certifiedFwid(certificate: Certificate): Bytes | undefined {
  const composite = certificate.extensions.get(COMPOSITE_DEVICE_ID)
  const tcbInfo = certificate.extensions.get(TCB_INFO)
  demand(composite === undefined || tcbInfo === undefined, 'fwid', 'certificate has two FWIDs')
  if (composite !== undefined) return fromCompositeDeviceId(composite.value)
  return tcbInfo === undefined ? undefined : fromTcbInfo(tcbInfo.value)
}

/** SEQUENCE { version, SubjectPublicKeyInfo, FWID } */
function fromCompositeDeviceId(value: Bytes): Bytes {
  const fields = new DerReader(readDer(value, TAG.sequence).content)
  smallInteger(fields.next(), 1)
  fields.next(TAG.sequence)
  const fwid = readFwid(fields.enter())
  fields.end()
  return fwid
}

/** SEQUENCE { …, [6] SEQUENCE OF FWID, … }; the first one is the firmware that signs. */
function fromTcbInfo(value: Bytes): Bytes {
  const fields = new DerReader(readDer(value, TAG.sequence).content)
  while (!fields.done) {
    const field = fields.next()
    if (field.tag === contextTag(FWIDS)) return readFwid(new DerReader(field.content).enter())
  }
  demand(false, 'fwid', 'DICE TcbInfo without FWIDs')
}

/** SEQUENCE { hashAlg OID, digest OCTET STRING } */
function readFwid(fields: DerReader): Bytes {
  demand(oid(fields.next()) === SHA384, 'fwid', 'FWID is not a SHA-384 digest')
  const digest = octets(fields.next())
  fields.end()
  demand(digest.length === FWID_BYTES, 'fwid', 'FWID length')
  return digest
}
