import type { Bytes } from '#base/bytes.ts'
import { ByteReader } from '#base/reader.ts'
import { demand, parsing } from '../errors.ts'
import { type OpaqueFields, parseOpaqueFields } from './opaque.ts'

/** A GET_MEASUREMENTS request and its signed answer, parsed and not yet believed. */
export interface SpdmTranscript {
  /** 32 bytes chosen by whoever asked: the only nonce that proves freshness. */
  readonly requestNonce: Bytes
  /** Measurement blocks in order: block i carries index i + 1. */
  readonly measurements: readonly Bytes[]
  readonly opaque: OpaqueFields
  /** What the signature covers: everything before it, as received. */
  readonly signed: Bytes
  /** ECDSA P-384, raw r||s, big-endian. */
  readonly signature: Bytes
  /** Bytes after the signature: not signed, never parsed. */
  readonly trailing: number
}

const SPDM_1_1 = 0x11
const GET_MEASUREMENTS = 0xe0
const MEASUREMENTS = 0x60
const SIGNATURE_REQUESTED = 0x01
const ALL_BLOCKS = 0xff
const NONCE_BYTES = 32
const MEASUREMENT_BYTES = 48
const SIGNATURE_BYTES = 96
/** DMTF measurement specification, as an SPDM bit. */
const DMTF = 0x01
/** Mutable firmware as a digest: the type of every block that NVIDIA's devices send. */
const DIGEST_TYPE = 0x01
const MAX_TRANSCRIPT_BYTES = 65_536

/**
 * Parses a device's attestation report: request || response. Lengths decide where the signature is, since genuine
 * evidence with bytes after it exists; "the last 96 bytes" is not where it must be.
 * @throws AttestationError parse, version or too-large
 * @see DMTF DSP0274 (SPDM 1.1) section 10.11
 */
export function parseSpdmTranscript(bytes: Bytes): SpdmTranscript {
  return parsing('SPDM transcript', () => {
    const size = `SPDM transcript of ${bytes.length} bytes`
    demand(bytes.length <= MAX_TRANSCRIPT_BYTES, 'too-large', size)
    const reader = new ByteReader(bytes)
    const requestNonce = readRequest(reader)
    const measurements = readMeasurements(reader)
    // The responder's nonce is fresh to the device and means nothing to whoever asked.
    reader.skip(NONCE_BYTES)
    const opaque = parseOpaqueFields(reader.take(reader.u16le()))
    const signed = bytes.subarray(0, reader.offset)
    const signature = reader.take(SIGNATURE_BYTES)
    return { requestNonce, measurements, opaque, signed, signature, trailing: reader.remaining }
  })
}

function readRequest(reader: ByteReader): Bytes {
  demand(reader.u8() === SPDM_1_1, 'parse', 'SPDM request is not version 1.1')
  demand(reader.u8() === GET_MEASUREMENTS, 'parse', 'SPDM request is not GET_MEASUREMENTS')
  demand(reader.u8() === SIGNATURE_REQUESTED, 'parse', 'SPDM request asks for no signature')
  demand(reader.u8() === ALL_BLOCKS, 'parse', 'SPDM request does not ask for all measurements')
  const nonce = reader.take(NONCE_BYTES)
  demand(reader.u8() === 0, 'parse', 'SPDM request names another slot')
  return nonce
}

function readMeasurements(reader: ByteReader): Bytes[] {
  demand(reader.u8() === SPDM_1_1, 'parse', 'SPDM response is not version 1.1')
  demand(reader.u8() === MEASUREMENTS, 'parse', 'SPDM response is not MEASUREMENTS')
  // Two parameter bytes without a meaning here; signed like everything else.
  reader.skip(2)
  const count = reader.u8()
  const blocks = new ByteReader(reader.take(reader.u24le()))
  const measurements: Bytes[] = []
  for (let index = 1; index <= count; index++) measurements.push(readBlock(blocks, index))
  blocks.end()
  return measurements
}

function readBlock(reader: ByteReader, index: number): Bytes {
  demand(reader.u8() === index, 'parse', 'SPDM measurement blocks are out of order')
  demand(reader.u8() === DMTF, 'parse', 'SPDM measurement specification')
  const size = reader.u16le()
  demand(reader.u8() === DIGEST_TYPE, 'parse', 'SPDM measurement type')
  const valueSize = reader.u16le()
  const sized = size === valueSize + 3 && valueSize === MEASUREMENT_BYTES
  demand(sized, 'parse', 'SPDM measurement size')
  return reader.take(valueSize)
}
