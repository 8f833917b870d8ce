// Assertions about policies, version 1 (docs/test-language.md); compiler/testlang reads them. A statement ends
// with its line; a backslash before the line's end goes on with it. `#` begins a comment.
grammar PolicyTest;

document: NL* (statement (NL+ statement)*)? NL* EOF;
statement: fixture | suite | assertion;

// What the assertions are about; once for a file, before the first of them.
fixture: kind=('policies' | 'endpoints' | 'options') ':' list
       | kind='config' ':' STRING;
list: '[' NL* (STRING NL* (',' NL* STRING NL*)* (',' NL*)?)? ']';
suite: 'suite' STRING;

assertion: verdict from=side '->' to=side (':' ports)? request? reason? ('as' name=STRING)?;
verdict: 'allow' | 'deny' | 'redirect' ('(' proxy=word ')')? | 'authenticate' | 'audited';
request: 'http' method=word path=STRING part*
       | 'dns' name=STRING
       | 'sni' name=STRING
       | 'kafka' rest=STRING?;
part: 'host' host=STRING | 'header' header=STRING;
reason: 'via' ('rule' decider=STRING | 'default' 'deny');

// One side, alone: what the command line gives.
oneSide: side EOF;
onePorts: ports EOF;

side: 'pod' word                                // namespace/name
    | 'any' 'pod'
    | 'world' '(' address ')'
    | entity
    | 'name' STRING                             // a DNS name
    | address
    | label (',' label)*;
// Those that are no words of their own.
entity: 'world' | 'host' | 'entity' word;
address: ADDRESS6 | ADDRESS4;
label: '!' key
     | key '=' value
     | key '!=' value
     | key ('in' | 'notin') '(' value (',' value)* ')'
     | key;
key: word | SOURCED | STRING;
value: word | STRING;

ports: port (',' port)*;
port: 'any' | word;                             // 443/tcp, 8000-8010/tcp, http/tcp, tcp, 8/icmp

word: WORD | 'allow' | 'deny' | 'redirect' | 'authenticate' | 'audited' | 'http' | 'dns' | 'sni' | 'kafka' | 'host'
    | 'header' | 'via' | 'rule' | 'default' | 'as' | 'suite' | 'policies' | 'endpoints' | 'options' | 'config' | 'pod'
    | 'any' | 'world' | 'entity' | 'name' | 'in' | 'notin';

ADDRESS4: DIGIT+ '.' DIGIT+ '.' DIGIT+ '.' DIGIT+ ('/' DIGIT+)?;
ADDRESS6: [0-9a-fA-F]* ':' [0-9a-fA-F]* ':' [0-9a-fA-F:.]* ('/' DIGIT+)?;
SOURCED: ('k8s' | 'any' | 'reserved' | 'node' | 'unspec') ':' WORD;
WORD: WORDCHAR ([A-Za-z0-9_./*-]* WORDCHAR)?;
STRING: '"' (~["\\\u0000-\u001f] | '\\' ["\\nx])* '"';
NL: '\r'? '\n';
CONTINUED: '\\' [ \t]* '\r'? '\n' -> skip;
COMMENT: '#' ~[\r\n]* -> skip;
SPACE: [ \t]+ -> skip;
fragment WORDCHAR: [A-Za-z0-9_*];
fragment DIGIT: [0-9];
