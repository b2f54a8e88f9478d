import type { Expression, Node, SourceFile } from 'typescript/unstable/ast';
import {
  isCallExpression,
  isIdentifier,
  isNewExpression,
  isPropertyAccessExpression,
  isRegularExpressionLiteral,
  isStringLiteral,
  isTemplateExpression,
} from 'typescript/unstable/ast/is';
import { API, isStringLiteralType, type Project } from 'typescript/unstable/sync';

/** A regular expression of a source file. */
export interface Pattern {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** As it is in the source file. */
  readonly text: string;
  /** Undefined where only a run would tell. */
  readonly regex?: { readonly source: string; readonly flags: string };
  /** The line above. */
  readonly above: string;
}

/** Every regular expression of the files that a TypeScript configuration includes: literals and `RegExp(…)`. */
export function findPatterns(config: string): Pattern[] {
  const api = new API();
  try {
    const project = api.updateSnapshot({ openProjects: [config] }).getProject(config);
    if (project === undefined) throw new Error(`${config} cannot be read`);
    return project.rootFiles.flatMap((name) => {
      const file = project.program.getSourceFile(name);
      if (file === undefined) throw new Error(`${name} cannot be read`);
      return inFile(file, project);
    });
  } finally {
    api.close();
  }
}

function inFile(file: SourceFile, project: Project): Pattern[] {
  const lines = file.text.split('\n');
  const found: Pattern[] = [];
  const add = (node: Node, regex: Pattern['regex']) => {
    const start = node.getStart(file);
    const { line } = file.getLineAndCharacterOfPosition(start);
    const text = file.text.slice(start, node.end);
    found.push({
      file: file.fileName,
      line: line + 1,
      text,
      above: lines[line - 1] ?? '',
      ...(regex && { regex }),
    });
  };
  const visit = (node: Node) => {
    if (isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf('/');
      add(node, { source: node.text.slice(1, end), flags: node.text.slice(end + 1) });
    } else if ((isNewExpression(node) || isCallExpression(node)) && isRegExp(node.expression)) {
      const [pattern, flags] = node.arguments ?? [];
      // A literal in there is met by itself.
      if (pattern === undefined || !isRegularExpressionLiteral(pattern)) {
        const source = pattern && constant(pattern, project);
        const letters = flags ? constant(flags, project) : '';
        add(node, source === undefined || letters === undefined ? undefined : { source, flags: letters });
      }
    }
    node.forEachChild(visit);
  };
  visit(file);
  return found;
}

function isRegExp(callee: Node): boolean {
  return isPropertyAccessExpression(callee)
    ? isRegExp(callee.name)
    : isIdentifier(callee) && callee.text === 'RegExp';
}

/** The text that an expression always is. */
function constant(expression: Expression, project: Project): string | undefined {
  if (isStringLiteral(expression)) return expression.text;
  if (isTemplateExpression(expression)) {
    let text = expression.head.text;
    for (const span of expression.templateSpans) {
      const part = constant(span.expression, project);
      if (part === undefined) return undefined;
      text += part + span.literal.text;
    }
    return text;
  }
  const type = project.checker.getTypeAtLocation(expression);
  return type && isStringLiteralType(type) ? type.value : undefined;
}
