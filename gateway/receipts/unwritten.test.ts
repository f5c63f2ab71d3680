import { expect, test } from 'vitest'
import { createWatchdog } from '../relay/watchdog.ts'
import { createUnwritten } from './unwritten.ts'

/** Writes that work once they are mended. */
function broken() {
  const written: string[] = []
  const mended = new Set<string>()
  const write = (name: string) => async (): Promise<void> => {
    if (!mended.has(name)) throw new RangeError('no room')
    written.push(name)
  }
  return { written, mended, write }
}

test('what could not be written is written once, when it can be', async () => {
  const watchdog = createWatchdog()
  const unwritten = createUnwritten(watchdog)
  const { written, mended, write } = broken()
  unwritten.add(write('one'))
  const drained = unwritten.drained()
  for (let i = 0; i < 10; i++) {
    watchdog.tick()
    await unwritten.writeAll()
  }
  expect(written).toEqual([])
  mended.add('one')
  while (written.length === 0) {
    watchdog.tick()
    await Promise.resolve()
  }
  await drained
  await unwritten.writeAll()
  expect(written).toEqual(['one'])
})

test('one that alone cannot be written keeps no other from being written', async () => {
  const unwritten = createUnwritten(createWatchdog())
  const { written, mended, write } = broken()
  for (const name of ['one', 'two', 'three']) unwritten.add(write(name))
  mended.add('two').add('three')
  await unwritten.writeAll()
  await unwritten.writeAll()
  expect(written).toEqual(['two', 'three'])
})
