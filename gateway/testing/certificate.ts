import { base64 } from '#base/bytes.ts'
import { exportSigner, makeSigner, pem, writeCertificate } from '#dev/forge/der.ts'
import type { Certificate } from '../node/http-server.ts'

/** A certificate for 127.0.0.1 by itself, as a test needs it. */
export async function selfSigned(commonName: string): Promise<Certificate> {
  const signer = await makeSigner('ecdsa-p256-sha256')
  const now = Math.floor(Date.now() / 1000)
  const name = [['CN', commonName]] as const
  const fields = {
    serial: now,
    issuer: name,
    subject: name,
    notBefore: now - 60,
    notAfter: now + 3_600,
    spki: signer.spki,
    extensions: [],
  }
  const { pkcs8 } = await exportSigner(signer)
  return {
    cert: pem(await writeCertificate(fields, signer)),
    key: `-----BEGIN PRIVATE KEY-----\n${base64(pkcs8)}\n-----END PRIVATE KEY-----\n`,
  }
}
