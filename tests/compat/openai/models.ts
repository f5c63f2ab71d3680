import { expect, test } from 'vitest'
import type { At, MakeClient } from '../at.ts'

export function modelTests(client: MakeClient, told: () => At): void {
  test('lists models and finds one whose id has a slash', async () => {
    const { model } = told()
    const ids: string[] = []
    for await (const { id } of client().models.list()) ids.push(id)
    expect(ids).toContain(model)
    const found = await client().models.retrieve(model)
    expect(found).toMatchObject({ id: model, object: 'model' })
    expect(found).toMatchObject({
      endpoints: expect.arrayContaining(['/v1/responses', '/v1/messages']),
      supported_parameters: expect.arrayContaining(['tools', 'response_format', 'n']),
    })
  })
}
