import type { TrustAnchors } from '../anchors.ts'

/**
 * NVIDIA's production attestation service. It publishes no root certificate, and its intermediates change, so its keys
 * are trusted as its key set gives them over TLS; certificates that come with them must be whole in themselves.
 */
export const NRAS_ANCHOR: TrustAnchors['nras'] = {
  issuer: 'https://nras.attestation.nvidia.com',
  roots: [],
}
