import { enableCopying } from './lib/copying.ts'
import { ready } from './lib/ready.ts'

enableCopying(document)
ready()
