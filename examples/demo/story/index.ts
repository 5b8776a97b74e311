// Plays the story without hands. Exit code 0 says that every act came out as promised.
import { paint } from '../view/paint.js'
import { booksAreCompared, shopCloses } from './closing.js'
import { customersCome, opens } from './opening.js'
import { Stage } from './stage.js'
import { BrokenPromise, seconds } from './teller.js'
import { courierAppears, databaseCrashes, printerIsKilled } from './trouble.js'

const ACTS = [opens, customersCome, databaseCrashes, printerIsKilled, courierAppears, shopCloses, booksAreCompared]

export async function tellStory(folder: string): Promise<number> {
  const begin = performance.now()
  console.log(` ${paint('bold', 'A small shop that loses no order')}`)
  const stage = await Stage.build(folder)
  try {
    for (const act of ACTS) await act(stage)
    const took = seconds(performance.now() - begin)
    console.log(`\n ${paint('green', 'As promised.')} ${stage.tell.checks} checks in ${took}.`)
    return 0
  } catch (error) {
    console.log(`    ${paint('red', '✗')} ${error instanceof BrokenPromise ? error.message : String(error)}`)
    console.log(`\n ${paint('red', 'Not as promised.')}`)
    for (const { name } of stage.shop.app.getAllServices()) console.log(`   ${stage.shop.app.explain(name).text}`)
    return 1
  } finally {
    await stage.close()
  }
}
