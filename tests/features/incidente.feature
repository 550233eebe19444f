# language: pt
Funcionalidade: Incidentes
  Como analista do turno da noite
  Quero abrir um incidente com uma frase
  Para que a história fique registrada

  Cenário: Abrir, anotar e resolver
    Quando Bob escreve "incidente API lenta"
    Então a resposta contém "API lenta"
    Quando Bob anota no incidente "o disco estava cheio"
    E Bob resolve o incidente
    Então chega uma mensagem com "resolved by Bob"
    E chega uma mensagem com "o disco estava cheio"

  Cenário: Um desconhecido não abre nada
    Quando Charlie escreve "incidente API lenta"
    Então a resposta não contém "INC-"
