import { createHash, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { TlsKey } from '../attest/self-identity.ts'
import { ConfigError } from '../config.ts'
import type { Job } from '../jobs.ts'
import { codeOf } from '../log.ts'
import type { Certificate, HttpServer } from './http-server.ts'

/** Paths of the PEM files of this gateway's own TLS. */
export interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

const CHECK_MS = 10_000

/** @throws ConfigError when a file cannot be read, or the two do not belong together */
export async function readCertificate(files: CertificateFiles): Promise<Certificate> {
  try {
    const paths = [files.cert, files.key] as const
    const [cert, key] = await Promise.all([readFile(paths[0], 'utf8'), readFile(paths[1], 'utf8')])
    createSecureContext({ cert, key })
    return { cert, key }
  } catch (cause) {
    throw new ConfigError(
      'invalid',
      `TLS_CERT and TLS_KEY cannot be read or do not belong together (${codeOf(cause)})`,
    )
  }
}

/**
 * Takes a renewed certificate for new connections. While the two files do not belong together (one is written before the
 * other) the job fails, the old certificate stays, and the next run tries again.
 */
export function renewalJob(files: CertificateFiles, server: HttpServer, first: Certificate): Job {
  let current = first
  return {
    name: 'certificate',
    everyMs: CHECK_MS,
    run: async () => {
      const next = await readCertificate(files)
      if (next.cert === current.cert && next.key === current.key) return
      server.renew(next)
      current = next
    },
  }
}

/** The key of a certificate as a keyset names it. @param domain under which clients reach it */
export function tlsKeyOf({ cert }: Certificate, domain: string): TlsKey {
  const spki = new X509Certificate(cert).publicKey.export({ format: 'der', type: 'spki' })
  return { spkiSha256: createHash('sha256').update(spki).digest('hex'), domain }
}
