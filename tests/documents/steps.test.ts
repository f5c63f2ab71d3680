import { describe, expect, test } from 'vitest'
import { expectTest, namedTests } from '../support/named-tests.ts'
import { fill } from './fill.ts'
import { STEPS } from './steps.ts'
import { commandsIn, DOCUMENTS, readDocument } from './typed-lines.ts'

const lines = new Set(STEPS.map(({ line }) => line))
const written = new Set(DOCUMENTS.flatMap((file) => commandsIn(readDocument(file))))

describe('every command of a document', () => {
  test.each(DOCUMENTS)('of %s is tried, or it is said why not', (file) => {
    const untried = commandsIn(readDocument(file)).filter((line) => !lines.has(line))
    expect(untried, 'write a step for each of these into tests/documents/steps.ts').toEqual([])
  })

  test('that is tried stands in a document', () => {
    const stale = [...lines].filter((line) => !written.has(line))
    expect(stale, 'take these out of tests/documents/steps.ts').toEqual([])
  })

  test('that another test shows has that test', () => {
    for (const step of STEPS.filter((one) => 'shownBy' in one)) {
      const named = namedTests(step.shownBy)
      expect(named, step.line).toHaveLength(1)
      for (const each of named) expectTest(each)
    }
  })
})

test('nothing but placeholders and places changes before a line is typed', () => {
  const places = { gateway: 'http://g', runner: 'http://r', chain: 'http://127.0.0.1:1/rpc' }
  expect(
    fill(
      'npx cocoon till exit --to ADDRESS --till TILL --endpoint mainnet --wallet wallet.txt',
      { ADDRESS: '0:a', TILL: '0:b' },
      places,
    ),
  ).toBe(
    'cocoon till exit --to 0:a --till 0:b --endpoint http://127.0.0.1:1/rpc --wallet wallet.txt',
  )
})
