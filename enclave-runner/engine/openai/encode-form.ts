import type { Json } from '#base/jcs.ts'
import type { JsonObject, Recording } from '../engine.ts'
import { isList } from '../fields.ts'

export interface EncodedForm {
  readonly contentType: string
  readonly bytes: Buffer
}

/** @param boundary random, so that no recording holds it */
export function encodeForm(fields: JsonObject, file: Recording, boundary: string): EncodedForm {
  const part = (name: string, more = ''): string =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(name)}"${more}\r\n\r\n`
  const texts = Object.entries(fields).flatMap(([name, value]) =>
    (isList(value) ? value : [value]).map((one) => `${part(name)}${fieldText(one)}\r\n`),
  )
  const type = /^[\w.+-]+\/[\w.+-]+$/.exec(file.type ?? '')?.[0] ?? 'application/octet-stream'
  const head = `; filename="${quoted(file.filename ?? 'audio')}"\r\nContent-Type: ${type}`
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    bytes: Buffer.concat([
      Buffer.from(`${texts.join('')}${part('file', head)}`),
      file.bytes,
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ]),
  }
}

/** @see https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data */
function quoted(name: string): string {
  return name.replaceAll('\r', '%0D').replaceAll('\n', '%0A').replaceAll('"', '%22')
}

function fieldText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
