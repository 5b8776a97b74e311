/** Types that say what a type is: `Expect<Equal<typeof x, number>>` does not compile when x is anything else. */

export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

export type Expect<T extends true> = T
