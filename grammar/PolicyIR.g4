// The text form of the IR, version 1 (docs/ir.md). compiler/ir/printer.cpp writes it,
// compiler/irtext reads it. Line breaks mean nothing; `;` begins a comment.
grammar PolicyIR;

document: 'policyir' NUMBER 'stage' WORD 'endpoint' STRING entity* predicate* direction direction EOF;

entity: 'entity' STRING '=' selectors;
predicate: 'predicate' PREDICATE '=' selectors;
// In serialise() form (compiler/policy/selector.h); a peer is meant when any of them matches.
selectors: 'nobody' | STRING ('|' STRING)*;

direction: way=('ingress' | 'egress') reach=('enforced' | 'open') 'default' fallback=('deny' | 'allow')
           denied* namedPort* polRule* portClass* form?;
denied: 'default' 'deny' 'by' origin;
namedPort: 'named-port' protocol STRING '=' NUMBER;

polRule: 'rule' NUMBER ':' verdict=('allow' | 'deny' | 'redirect') proxy=STRING?
         answer=('audited' | 'unless-audited')? auth='authenticated'?
         ('priority' priority=NUMBER)? ('precedence' precedence=NUMBER)?
         side=('from' | 'to') peers 'on' ports 'by' origin;
peers: 'any' | 'nobody' | peer (',' peer)*;
peer: PREDICATE | 'entity' STRING;
ports: 'nothing' | port (',' port)*;
// Until the stage `ranged` a statement as written (`*`: every port), then an interval.
port: protocol ('/' ('*' | first=NUMBER | name=STRING) ('-' last=NUMBER)?)?;
protocol: 'any' | WORD | NUMBER;
origin: object=STRING path=STRING? ('at' place=STRING)?;  // "file:line"

portClass: 'class' NUMBER '=' ports decided?;
// The rules that can decide, by id, strongest first; after them the default.
decided: '->' ('default' | NUMBER (',' NUMBER)*);
form: 'form' WORD;

PREDICATE: 'p' DIGIT+;
NUMBER: DIGIT+;
WORD: [a-z] [a-z0-9-]*;
STRING: '"' (~["\\\u0000-\u001f] | '\\' ["\\nx])* '"';
COMMENT: ';' ~[\r\n]* -> skip;
SPACE: [ \t\r\n]+ -> skip;
fragment DIGIT: [0-9];
