// Colours, where there is somebody to see them.
import { styleText } from 'node:util'

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

const colourful = process.stdout.isTTY && !process.env.NO_COLOR

export const paint = (style: Style, text: string): string => (colourful ? styleText(style, text) : text)
