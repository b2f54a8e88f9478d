/** What a shell completes: commands, each with its options and whether it takes the id of a job. */
export interface Completed {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly { readonly long: string; readonly summary: string }[];
  readonly takesId: boolean;
}

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** A script for a shell to read. Ids come from serve when they are asked for, if it answers at once. */
export function completion(shell: Shell, commands: readonly Completed[]): string {
  return { bash, zsh, fish }[shell](commands);
}

const IDS = 'jobgate completion ids 2>/dev/null';
const names = (commands: readonly Completed[]) => commands.map(({ name }) => name).join(' ');
const longs = ({ options }: Completed) => options.map(({ long }) => long).join(' ');
/** In single quotes of a POSIX shell. */
const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

function bash(commands: readonly Completed[]): string {
  const options = commands.map((one) => `    ${one.name}) options='${longs(one)}' ;;`);
  const ids = commands.filter(({ takesId }) => takesId).map(({ name }) => name);
  return `# jobgate's completion for bash: eval "$(jobgate completion bash)"
_jobgate() {
  local word=\${COMP_WORDS[COMP_CWORD]} command=\${COMP_WORDS[1]} options=
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '${names(commands)} --help --version' -- "$word"))
    return
  fi
  case $command in
${options.join('\n')}
  esac
  case $word in
    -*) COMPREPLY=($(compgen -W "$options" -- "$word")) ;;
    *) case $command in ${ids.join('|')}) COMPREPLY=($(compgen -W "$(${IDS})" -- "$word")) ;; esac ;;
  esac
}
complete -o default -F _jobgate jobgate
`;
}

function zsh(commands: readonly Completed[]): string {
  const described = commands.map(({ name, summary }) => quoted(`${name}:${summary.replaceAll(':', '\\:')}`));
  const options = commands.map((one) => `    ${one.name}) options=(${longs(one)}) ;;`);
  const ids = commands.filter(({ takesId }) => takesId).map(({ name }) => name);
  return `#compdef jobgate
# jobgate's completion for zsh: source <(jobgate completion zsh)
_jobgate() {
  local -a commands options
  commands=(${described.join(' ')})
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  case $words[2] in
${options.join('\n')}
  esac
  if [[ $words[CURRENT] == -* ]]; then
    compadd -- $options
    return
  fi
  case $words[2] in
    ${ids.join('|')}) compadd -- \${(f)"$(${IDS})"} ;;
    *) _files ;;
  esac
}
(( $+functions[compdef] )) && compdef _jobgate jobgate
`;
}

function fish(commands: readonly Completed[]): string {
  const seen = (name: string) => `-n '__fish_seen_subcommand_from ${name}'`;
  const lines = commands.flatMap(({ name, summary, options, takesId }) => [
    `complete -c jobgate -n __fish_use_subcommand -f -a ${name} -d ${fishQuoted(summary)}`,
    ...options.map(
      ({ long, summary: what }) =>
        `complete -c jobgate ${seen(name)} -l ${long.slice(2)} -d ${fishQuoted(what)}`,
    ),
    ...(takesId ? [`complete -c jobgate ${seen(name)} -f -a '(${IDS})'`] : []),
  ]);
  return `# jobgate's completion for fish: jobgate completion fish | source\n${lines.join('\n')}\n`;
}

const fishQuoted = (text: string) => `'${text.replaceAll(/[\\']/g, (sign) => `\\${sign}`)}'`;
