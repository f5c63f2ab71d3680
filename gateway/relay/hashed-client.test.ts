import { expect, test } from 'vitest'
import { hex, utf8 } from '#base/bytes.ts'
import { nodeProvider } from '#protocol/node'
import { HashedClient } from './hashed-client.ts'

function open() {
  const seen: string[] = []
  const hashes: string[] = []
  const client = new HashedClient(
    {
      gone: false,
      head: (status) => void seen.push(`head ${status}`),
      write: (bytes) => seen.push(`write ${bytes.length}`) > 0,
      end: (bytes) => void seen.push(`end ${bytes?.length}`),
      fail: () => void seen.push('fail'),
      listen: () => {},
    },
    nodeProvider.hashes,
    (hash) => {
      hashes.push(hash)
      seen.push('hashed')
    },
  )
  return { client, seen, hashes }
}

const hashOf = (text: string) => `sha256:${hex(nodeProvider.hashes.sha256(utf8(text)))}`

test('however an answer is cut, its hash is known before the client sees its end', () => {
  const { client, seen, hashes } = open()
  client.head(200, {})
  client.write(utf8('ab'))
  client.write(utf8('c'))
  client.end(utf8('d'))
  expect(seen).toEqual(['head 200', 'write 2', 'write 1', 'hashed', 'end 1'])
  expect(hashes).toEqual([hashOf('abcd')])
})

test('of a broken answer it is what was written, once, whatever comes later', () => {
  const { client, hashes } = open()
  client.head(200, {})
  client.write(utf8('ab'))
  client.fail()
  client.close()
  client.write(utf8('c'))
  client.end()
  expect(hashes).toEqual([hashOf('ab')])
})

test('without a head there was no answer', () => {
  const { client, hashes } = open()
  client.close()
  client.fail()
  expect(hashes).toEqual([])
})
