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

  Cenário: Briefing automático no início do turno
    Dado que o Transaction Guardian é monitorado
    E que Bob escreveu "/briefing às 00:00"
    Quando chega a hora do briefing
    E o trabalho é feito
    Então chega uma mensagem com "Pending"
    E a mensagem contém "Incidents"

  Cenário: Um desconhecido não lê o briefing
    Quando Charlie escreve "briefing"
    Então a resposta não contém "briefing"
