# language: pt
Funcionalidade: Briefing de turno
  Como analista que começa o turno
  Quero ler o que aconteceu nas últimas oito horas
  Para assumir o turno sem procurar em logs

  Cenário: Briefing a pedido
    Dado que o Transaction Guardian é monitorado
    E que Bob escreveu "incidente API lenta"
    Quando Bob escreve "briefing"
    E o trabalho é feito
    Então chega uma mensagem com "Pending"
    E a mensagem contém "API lenta"
