/** Which controllers run: `--controllers=*,foo,-bar`. */
import { CONTROLLERS, type ControllerEntry } from '#controllers/index.ts';
import { UserError } from '../user-error.ts';

/** Throws UserError that names what is no controller. */
export function chosenControllers(words: readonly string[]): ControllerEntry[] {
  const known = new Set(CONTROLLERS.flatMap(({ name, aliases }) => [name, ...aliases]));
  for (const word of words) {
    const name = word.replace(/^-/, '');
    if (word !== '*' && !known.has(name))
      throw new UserError(`${JSON.stringify(name)} is not in the list of known controllers`);
  }
  const isNamed = ({ name, aliases }: ControllerEntry, sign: '' | '-'): boolean =>
    [name, ...aliases].some((each) => words.includes(`${sign}${each}`));
  // What is named counts before the star; of both, what switches on.
  return CONTROLLERS.filter(
    (entry) =>
      isNamed(entry, '') ||
      (entry.isOffByDefault !== true && !isNamed(entry, '-') && words.includes('*')),
  );
}
