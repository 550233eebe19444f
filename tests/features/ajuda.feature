# language: pt
Funcionalidade: Comandos disponíveis
  Como analista do turno da noite
  Quero que o bot me diga o que posso pedir
  Para não decorar comandos

  Cenário: A ajuda lista os comandos do plantão
    Quando Bob escreve "ajuda"
    Então a resposta contém "/status"
    E a resposta contém "/alerts"
    E a resposta contém "/runbook"
    E a resposta contém "/incident"
    E a resposta contém "/briefing"
    E a resposta contém "/skills"
